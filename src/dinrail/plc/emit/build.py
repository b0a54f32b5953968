"""A checked program to an image: the file that the control process loads."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence

from dinrail import __version__
from dinrail.control.channel.layout import Space
from dinrail.control.image import Image, Retained, Segment, TaskImage, write_image
from dinrail.control.settings import TaskSettings
from dinrail.iec.record import record_of
from dinrail.iec.symbol import Symbol
from dinrail.plc.core.options import Options
from dinrail.plc.core.program import Program
from dinrail.plc.emit import abi, executive
from dinrail.plc.emit.apart import objects_of
from dinrail.plc.emit.debugmap import debug_map
from dinrail.plc.emit.link import Linked, link
from dinrail.plc.emit.machine import object_code
from dinrail.plc.emit.module import Module, write_module
from dinrail.plc.emit.parts import parts_of
from dinrail.plc.emit.rpc import stubs_of
from dinrail.plc.emit.stack import deepest, frames_of
from dinrail.plc.source import Source
from dinrail.plc.types.retained import retained_parts
from dinrail.plc.types.variable import Area

_AREAS = ((Area.INPUT, Space.INPUT), (Area.OUTPUT, Space.OUTPUT), (Area.MARKER, Space.MARKER))


def build_image(
    program: Program,
    tasks: Sequence[TaskSettings],
    options: Options,
    *,
    name: str,
    sources: Sequence[Source] = (),
    symbols: Sequence[Symbol] = (),
    state: bytes = b"{}",
    native: Sequence[bytes] = (),
    runs_it: bytes | None = None,
) -> bytes:
    """The image's bytes. tasks: the settings of program.tasks, in their order. Raises EmitFault.

    symbols: what the outside sees (types.outside). state: what an online change must know (control.change.state).
    native: further objects to link in (the native I/O pair: emit.executive.plant shows one).
    runs_it: `executive_object` of the same options, if somebody has it: it is the same for every application.
    Equal input gives equal bytes on one machine.
    """
    module = write_module(program, program.tasks, options)
    code = objects_of(parts_of(module, options), options)
    linked = link([*code, runs_it or executive_object(options), *native])
    record = record_of(symbols)
    image = Image(
        name=name,
        layout_hash=hashlib.sha256(record).digest(),
        tasks=_tasks(program, tasks, options, module, linked),
        data_bytes=program.data_bytes,
        input_bytes=program.area_bytes.get(Area.INPUT.value, 0),
        output_bytes=program.area_bytes.get(Area.OUTPUT.value, 0),
        marker_bytes=program.area_bytes.get(Area.MARKER.value, 0),
        heap_bytes=options.heap_bytes if module.has_heap else 0,
        retained=_retained(program),
        symbols=record,
        state=state,
        debug_map=debug_map(linked.whole, sources),
        options=tuple((each.name, str(getattr(options, each.name))) for each in dataclasses.fields(options)),
        sources=tuple((each.name, hashlib.sha256(each.text.encode()).hexdigest()) for each in sources),
        calls=tuple(
            (stub.owner.name, _method_name(stub.method.name), stub.input_bytes, stub.output_bytes)
            for stub in stubs_of(program)
        ),
        compiler=f"dinrail {__version__}",
    )
    return write_image(linked.code, image)


def executive_object(options: Options) -> bytes:
    """What runs the tasks' cycles, as an object. Raises EmitFault."""
    return object_code(executive.module_text(), options)


def _method_name(name: str) -> str:
    """`Reset` of `FB_Axis.Reset`, `Speed.get` of `FB_Axis.Speed.get`."""
    return name.split(".", 1)[-1]


def _tasks(
    program: Program, tasks: Sequence[TaskSettings], options: Options, module: Module, linked: Linked
) -> tuple[TaskImage, ...]:
    frames = frames_of(linked.whole)
    out = []
    for index, settings in enumerate(tasks):
        segments = [
            Segment(Space.DATA, each.offset_bytes, each.size_bytes)
            for each in program.segments
            if each.task_index == index
        ]
        if index == 0:
            segments += [
                Segment(space, 0, program.area_bytes[area.value])
                for area, space in _AREAS
                if program.area_bytes.get(area.value)
            ]
        starts = [f"@{abi.task_symbol(index)}"]
        starts += [start for each in (abi.EXIT, abi.REINITIALISE) if (start := f"@{each}") in module.calls]
        stack_bytes = max(deepest(module.calls, frames, start, options.recursion_limit) for start in starts)
        out.append(TaskImage(settings, tuple(segments), stack_bytes))
    return tuple(out)


def _retained(program: Program) -> tuple[Retained, ...]:
    return tuple(
        Retained(each.path, each.type, each.offset_bytes, each.size_bytes, each.persistent)
        for each in retained_parts(program)
    )
