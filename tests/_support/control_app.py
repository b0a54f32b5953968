"""Small applications for the control's tests, as checked trees made by hand: what they do is chosen by `mode`.

    offset 0  count DINT: cycles          4  mode DINT: what the next cycle does      8  array: 4 DINT
    24 index DINT    28 divisor DINT      32 pointer ULINT                            40 result LREAL
    48 first DINT: cycles that were told to be the first                              %IB0 -> %QB0 + 1
Each task has such a program at a page of its own.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

from dinrail.control.channel.layout import Space
from dinrail.control.image import Image, Retained, Segment, TaskImage, write_image
from dinrail.control.settings import TaskSettings
from dinrail.plc.core.expression import (
    Binary,
    BinaryOperator,
    Call,
    Compare,
    Comparison,
    Constant,
    Convert,
    DerefAt,
    Expression,
    IndexAt,
    Intrinsic,
    IntrinsicCall,
    Load,
    VariableAt,
)
from dinrail.plc.core.options import Options
from dinrail.plc.core.program import Function, FunctionKind, Program, TaskProgram
from dinrail.plc.core.statement import Assign, Evaluate, If, Loop, Statement
from dinrail.plc.emit.debugmap import debug_map
from dinrail.plc.emit.executive import module_text as executive_text
from dinrail.plc.emit.link import link
from dinrail.plc.emit.machine import object_code
from dinrail.plc.emit.module import write_module
from dinrail.plc.emit.state import state_of
from dinrail.plc.source import Place, Source, place
from dinrail.plc.types.model import BOOL, BYTE, DINT, LINT, LREAL, ULINT, ArrayType, ScalarType
from dinrail.plc.types.variable import Area, Storage, Variable

PAGE_BYTES = 4096
COUNT, MODE, ARRAY, INDEX, DIVISOR, POINTER, RESULT, FIRST, ADDED = 0, 4, 8, 24, 28, 32, 40, 48, 52
ENDLESS, NULL, BOUNDS, DIVIDE, STACK, WILD, USER, LONG = 1, 2, 3, 4, 5, 6, 7, 8
LINES = {ENDLESS: 10, NULL: 20, BOUNDS: 30, DIVIDE: 40, STACK: 50, WILD: 60, USER: 70, LONG: 80}
"""Where each of them stands in `app.st`."""
FAST = TaskSettings(name="Fast", cycle_ns=1_000_000, priority=5, programs=("MAIN0",))
SLOW = TaskSettings(name="Slow", cycle_ns=5_000_000, priority=20, programs=("MAIN1",))


class _Main:
    """One task's program. version 2: everything 64 bytes further on, a new variable, and steps of 1000."""

    def __init__(self, number: int, version: int) -> None:
        self.base = number * PAGE_BYTES + (64 if version == 2 else 0)
        self.number = number
        self.version = version
        self.statics: list[Variable] = []
        self.count, self.mode = self._static("count", DINT, COUNT), self._static("mode", DINT, MODE)
        self.array = self._static("array", ArrayType(DINT, ((0, 3),)), ARRAY)
        self.index, self.divisor = self._static("index", DINT, INDEX), self._static("divisor", DINT, DIVISOR)
        self.pointer, self.result = self._static("pointer", ULINT, POINTER), self._static("result", LREAL, RESULT)
        self.first = self._static("first", DINT, FIRST)
        if version == 2:
            self._static("added", DINT, ADDED).initial = (42).to_bytes(4, "little")
        if version == 3:
            self.pointer.type = LINT
        self.function = Function(f"MAIN{number}", FunctionKind.PROGRAM, place(1, 1, 1))
        self.deep = _deep(number)
        self.function.body = self._body()

    def _static(self, name: str, kind: ScalarType | ArrayType, offset: int) -> Variable:
        path = f"MAIN{self.number}.{name}"
        made = Variable(name, kind, Storage.STATIC, path=path, offset_bytes=self.base + offset)
        self.statics.append(made)
        return made

    def _body(self) -> list[Statement]:
        at = place(1, 2, 1)
        step = 1000 if self.version == 2 else 1
        told = IntrinsicCall(at, Intrinsic.FIRST_CYCLE, [], BOOL)
        return [
            Assign(at, _at(self.count), _sum(at, _load(at, self.count), _number(at, step))),
            Assign(at, _at(self.first), _sum(at, _load(at, self.first), Convert(at, told, DINT))),
            *(self._when(mode, place(1, line, 3)) for mode, line in LINES.items()),
        ]

    def _when(self, mode: int, at: Place) -> Statement:
        is_mode = Compare(at, Comparison.EQUAL, _load(at, self.mode), _number(at, mode), BOOL)
        return If(at, is_mode, self._what(mode, at), [])

    def _what(self, mode: int, at: Place) -> list[Statement]:
        index = _load(at, self.index)
        if mode == ENDLESS:
            return [Loop(at, None, [Assign(at, _at(self.index), _sum(at, index, _number(at, 1)))], [], None)]
        if mode in (NULL, WILD):
            target = DerefAt(at, _load(at, self.pointer), DINT)
            return [Assign(at, target, _number(at, 1))]
        if mode == BOUNDS:
            wide = Convert(at, index, LINT)
            checks = ((wide, Constant(at, LINT, 0), Constant(at, LINT, 3)),)
            return [Assign(at, IndexAt(at, _at(self.array), wide, DINT, checks), _number(at, 1))]
        if mode == DIVIDE:
            quotient = Binary(at, BinaryOperator.DIVIDE, _number(at, 1), _load(at, self.divisor), DINT)
            return [Assign(at, _at(self.index), quotient)]
        if mode == STACK:
            return [Assign(at, _at(self.index), Call(at, self.deep, None, [_number(at, 1)], DINT))]
        if mode == USER:
            return [Evaluate(at, IntrinsicCall(at, Intrinsic.FAULT, [_number(at, 0x13)], BOOL))]
        busy = Compare(at, Comparison.LESS, index, _number(at, 3_000_000), BOOL)
        step = Assign(at, _at(self.index), _sum(at, index, _number(at, 1)))
        sine = IntrinsicCall(at, Intrinsic.SIN, [_load(at, self.result)], LREAL)
        return [
            Assign(at, _at(self.index), _number(at, 0)),
            Loop(at, busy, [step, Assign(at, _at(self.result), sine)], [], None),
        ]


def _deep(number: int) -> Function:
    """deep(n) = deep(n + 1) + n: never ends."""
    at = place(1, 100, 1)
    n = Variable("n", DINT, Storage.VALUE)
    result = Variable("Deep", DINT, Storage.LOCAL)
    made = Function(f"Deep{number}", FunctionKind.FUNCTION, at, parameters=[n], result=result, locals=[result])
    made.recursion_allowed = True
    again = Call(at, made, None, [_sum(at, _load(at, n), _number(at, 1))], DINT)
    made.body = [Assign(at, _at(result), _sum(at, again, _load(at, n)))]
    return made


def _at(variable: Variable) -> VariableAt:
    return VariableAt(place(1, 2, 1), variable, variable.type)


def _load(at: Place, variable: Variable) -> Load:
    assert isinstance(variable.type, ScalarType)
    return Load(at, VariableAt(at, variable, variable.type), variable.type)


def _number(at: Place, value: int) -> Constant:
    return Constant(at, DINT, value)


def _sum(at: Place, left: Expression, right: Expression) -> Binary:
    return Binary(at, BinaryOperator.ADD, left, right, DINT)


def _mirror(main: _Main, program: Program) -> None:
    """%QB0 := %IB0 + 1."""
    at = place(1, 3, 1)
    areas = {
        area: Variable(f"area{area.value}", BYTE, Storage.AREA, area=area, offset_bytes=0)
        for area in (Area.INPUT, Area.OUTPUT)
    }
    one = Binary(at, BinaryOperator.ADD, _load(at, areas[Area.INPUT]), Constant(at, BYTE, 1), BYTE)
    main.function.body.append(Assign(at, _at(areas[Area.OUTPUT]), one))
    program.areas = list(areas.values())
    program.area_bytes = {"I": 64, "Q": 64, "M": 64}


OPTIONS = Options(recursion_limit=1 << 30, cpu="portable")
"""No limit to recursion, so that the stack really runs out."""
UNCHECKED = Options(recursion_limit=1 << 30, cpu="portable", check_null=False, check_divide=False, loop_abort=False)


@functools.cache
def build(
    tasks: tuple[TaskSettings, ...] = (FAST,),
    options: Options = OPTIONS,
    version: int = 1,
    native: tuple[bytes, ...] = (),
) -> bytes:
    """An image with one such program for each task; MAIN<n> is task n's. The first `count` is retained.

    native: further objects. version 2 can take over from 1 (see _Main); in version 3 `pointer` has another type.
    """
    mains = [_Main(number, version) for number in range(len(tasks))]
    program = Program(functions=[main.function for main in mains] + [main.deep for main in mains])
    program.statics = [variable for main in mains for variable in main.statics]
    program.data_bytes = len(mains) * PAGE_BYTES
    program.entry = {main.function.name: main.function for main in mains}
    _mirror(mains[0], program)
    program.tasks = [TaskProgram(settings.name, [main.function]) for settings, main in zip(tasks, mains, strict=True)]
    linked = link(
        [object_code(write_module(program, program.tasks, options).text, options), executive_object(), *native]
    )
    areas = tuple(Segment(space, 0, 64) for space in (Space.INPUT, Space.OUTPUT, Space.MARKER))
    image = Image(
        name="app",
        layout_hash=bytes([version]) * 32,
        tasks=tuple(
            TaskImage(settings, (_segment(main), *(areas if main.number == 0 else ())))
            for settings, main in zip(tasks, mains, strict=True)
        ),
        data_bytes=program.data_bytes,
        input_bytes=64,
        output_bytes=64,
        marker_bytes=64,
        retained=(Retained("MAIN0.count", "DINT", mains[0].base + COUNT, 4),),
        state=state_of(program),
        debug_map=debug_map(linked.whole, [Source("app.st", "", 1)]),
    )
    return write_image(linked.code, image)


def _segment(main: _Main) -> Segment:
    return Segment(Space.DATA, main.number * PAGE_BYTES, PAGE_BYTES)


@functools.cache
def executive_object() -> bytes:
    """The executive as an object."""
    return object_code(executive_text(), OPTIONS)


def write_app(
    path: Path, tasks: Sequence[TaskSettings] = (FAST,), options: Options = OPTIONS, version: int = 1
) -> Path:
    """Such an image in a file."""
    path.write_bytes(build(tuple(tasks), options, version))
    return path
