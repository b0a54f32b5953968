"""Making an online change, from the main thread: everything is prepared here, the tasks only copy and turn over."""

from __future__ import annotations

import time
from pathlib import Path

from dinrail.control import context
from dinrail.control.blocks import ChangeBlock, OperationBlock, RangeBlock
from dinrail.control.change.asked import Asked
from dinrail.control.change.instances import Instances, changed_instances
from dinrail.control.change.plan import ChangePlan, plan_change
from dinrail.control.change.state import read_state
from dinrail.control.channel.create import Loaded
from dinrail.control.channel.layout import ChannelHeader, Space, State, offset_of
from dinrail.control.channel.memory import full_fence
from dinrail.control.channel.plan import SPARE_SEGMENTS, published_bytes
from dinrail.control.control import Control
from dinrail.control.faults import fault_name
from dinrail.control.image import Image
from dinrail.control.module import Module
from dinrail.control.native import Arena, Block, put, put_addresses
from dinrail.control.tasks import Installed, blank
from dinrail.control.threads import stack_bytes
from dinrail.errors import HostError, Refused
from dinrail.layout import layout_of

_WAIT_S = 5.0
_WITHDRAW_S = 1.0
_POLL_S = 0.001
_LONGEST_S = 0.5
"""What FB_Exit and FB_Reinit may take together before their loops are told to end."""
_NS_PER_BYTE, _NS_PER_MOVE, _NS_PER_ADDRESS = 0.5, 40, 60
"""What copying takes at most, by measurement with a wide margin."""


def change_online(control: Control, source: Path) -> str:
    """Let the image in `source` take over; what was done, for people.

    Raises Refused (nothing has changed then), FormatError for the image, HostError.
    """
    if control.state not in (State.RUN, State.STOP):
        raise Refused(f"the control is in {control.state.name}", hint="dinrail control reset, dinrail control start")
    path, image, built = control.images.take(source, group=control.options.group, trusted=False)
    _check(control, image)
    states = read_state(control.image.state), read_state(image.state)
    plan = plan_change(*states)
    expected_ns = _expected_ns(plan)
    budget_ns = min(settings.cycle_ns for settings in control.settings) // 2
    if expected_ns > budget_ns:
        raise Refused(
            f"the change would take {expected_ns // 1000} us, half of the fastest cycle is {budget_ns // 1000} us",
            hint="stop and load the new image",
        )
    module = Module(path, image)
    took_ns = _turn_over(control, module, plan, changed_instances(*states))
    bases = module.bases
    loaded = Loaded(
        image,
        path,
        built,
        (bases[0], bases[1], bases[2], bases[3]),
        control.loaded.online_change_count + 1,
        control.loaded.symbol_version + 1,
    )
    control.memory.set_u64(offset_of(ChannelHeader, "change_ns"), took_ns)
    control.show_loaded(loaded)
    return (
        f"{len(plan.added)} new, {len(plan.gone)} gone, {plan.copied_bytes} bytes carried over in {took_ns // 1000} us"
    )


def _check(control: Control, image: Image) -> None:
    """What is the same for every online change. Raises Refused with all reasons."""
    reasons = []
    names = [task.settings.name for task in image.tasks]
    if names != [settings.name for settings in control.settings]:
        reasons.append(f"it has the tasks {', '.join(names)}")
    else:
        for index, (new, planned) in enumerate(zip(image.tasks, control.plan.tasks, strict=True)):
            if published_bytes(new.segments) > planned.published_capacity:
                reasons.append(f"{new.settings.name} publishes more than the channel has room for")
            if stack_bytes(new.stack_bytes) > control.threads.stack_bytes(index):
                reasons.append(f"{new.settings.name} needs a deeper stack than its thread has")
    if sum(len(task.segments) for task in image.tasks) > control.plan.segment_capacity:
        reasons.append(f"it has more than {SPARE_SEGMENTS} segments more")
    forces = [force for task in range(len(control.settings)) for force in control.reader.forces(task)]
    if any(force.space == Space.DATA for force in forces):
        reasons.append("variables are forced: let go of them first")
    if image.heap_bytes > (control.heap.size_bytes if control.heap else 0):
        reasons.append("it needs more memory for __NEW than the control has set aside")
    if control.heap is not None and _classes(control.image) != _classes(image):
        reasons.append("function blocks came or went, and __NEW may have made some of them")
    if reasons:
        raise Refused("the new application cannot take over while the control runs", details=tuple(reasons))


def _classes(image: Image) -> dict[str, int]:
    return read_state(image.state).classes()


def _expected_ns(plan: ChangePlan) -> int:
    addresses = sum(move.size_bytes // 8 for move in plan.moves if move.addresses)
    return int(plan.copied_bytes * _NS_PER_BYTE + len(plan.moves) * _NS_PER_MOVE + addresses * _NS_PER_ADDRESS)


def _turn_over(control: Control, module: Module, plan: ChangePlan, instances: Instances) -> int:
    """Initialise the new module, have the tasks change, let go of the old one. How long the copying took, ns."""
    tasks, before = control.tasks, control.installed
    installed = tasks.prepare(module, control.loaded.online_change_count + 1)
    operations = _operations(control.module, module, plan)
    ranges = _ranges(control.module, module, plan)
    sizes = ((OperationBlock, len(operations)), (RangeBlock, len(ranges)), (ChangeBlock, 1))
    room = sum((count + 1) * layout_of(kind).size_bytes + 64 for kind, count in sizes) + 8 * len(tasks.blocks)
    arena = Arena(room + 16 * (len(instances.old) + len(instances.new)) + 256)
    try:
        if control.heap is not None:
            module.give_heap(control.heap.base, control.heap.size_bytes)
        asked = Asked(arena, control.module, module, instances)
        _initialise(control, module, installed, asked.new)
        change = _change_block(arena, operations, ranges, installed, asked.calls() | {"seed": module.seed_at})
        took_ns = _wait(control, module, change)
    except Refused:
        tasks.main.set("module", before.blocks[-1])
        installed.arena.close()
        module.close()
        arena.close()
        raise
    arena.close()
    old, control.module, control.image, control.installed = control.module, module, module.image, installed
    before.arena.close()
    if old is not control.executive and not read_state(old.image.state).has_addresses:
        old.close()  # else addresses of its constants may still be somewhere in the data
    return took_ns


def _initialise(control: Control, module: Module, installed: Installed, table: int) -> None:
    """The new module's own, before anybody uses it. table: what its FB_Init may ask. Raises Refused."""
    control.tasks.main.set("module", installed.blocks[-1])
    put_addresses(module.context(0) + context.CHANGES, [table])
    fault = control.run_initialiser(module)
    if fault is not None:
        raise Refused(f"the new application's initialisation fails: {fault_name(fault.code)}")
    control.tasks.clear_contexts(module)


def _operations(old: Module, new: Module, plan: ChangePlan) -> list[OperationBlock]:
    base, target = old.bases[Space.DATA], new.bases[Space.DATA]
    rows = [(int(move.addresses), base + move.old, target + move.new, move.size_bytes) for move in plan.moves]
    for space in (Space.INPUT, Space.OUTPUT, Space.MARKER):
        size_bytes = min(old.image.space_bytes(space), new.image.space_bytes(space))
        rows.append((0, old.bases[space], new.bases[space], size_bytes))
    return [
        OperationBlock(kind=kind, source=source, target=to, size_bytes=size) for kind, source, to, size in rows if size
    ]


def _ranges(old: Module, new: Module, plan: ChangePlan) -> list[RangeBlock]:
    """Where addresses of the old data and areas go; what is gone from the data becomes 0."""
    base, target = old.bases[Space.DATA], new.bases[Space.DATA]
    rows = [(base + low, base + high, target + to) for low, high, to in plan.places]
    for space in (Space.INPUT, Space.OUTPUT, Space.MARKER):
        size_bytes = min(old.image.space_bytes(space), new.image.space_bytes(space))
        rows.append((old.bases[space], old.bases[space] + size_bytes, new.bases[space]))
    rows.sort()
    end = base
    for low, high, _ in [row for row in rows if base <= row[0] < base + old.image.data_bytes]:
        if low > end:
            rows.append((end, low, 0))
        end = max(end, high)
    rows.append((end, base + old.image.data_bytes, 0))
    return [RangeBlock(old_low=low, old_high=high, new_low=to) for low, high, to in sorted(rows) if low < high]


def _change_block(
    arena: Arena,
    operations: list[OperationBlock],
    ranges: list[RangeBlock],
    installed: Installed,
    calls: dict[str, int],
) -> Block:
    tables = []
    for rows, kind in ((operations, OperationBlock), (ranges, RangeBlock)):
        size_bytes = layout_of(kind).size_bytes
        table = arena.take(size_bytes * len(rows))
        for number, row in enumerate(rows):
            put(table + number * size_bytes, row)
        tables.append(table)
    modules = arena.take(8 * len(installed.blocks))
    put_addresses(modules, list(installed.blocks))
    at = arena.take(layout_of(ChangeBlock).size_bytes)
    values = {
        "operations": tables[0],
        "operation_count": len(operations),
        "modules": modules,
        "ranges": tables[1],
        "range_count": len(ranges),
    }
    put(at, blank(ChangeBlock, values | calls))
    return Block(ChangeBlock, at)


def _wait(control: Control, module: Module, change: Block) -> int:
    """Until a task has made the change; how long that took, ns.

    Raises Refused when none finds the moment, HostError when it is begun and never ends.
    """
    common = control.tasks.common
    common.set("withdrawn", 0)
    common.set("pending", change.address)
    longest_s = max(settings.cycle_ns for settings in control.settings) / 1e9
    deadline = time.monotonic() + _WAIT_S + 2 * longest_s
    held = 0
    while not change.get("done") and time.monotonic() < deadline:
        time.sleep(_POLL_S)
        held = held + 1 if common.get("lock") else 0
        if held * _POLL_S > _LONGEST_S:  # FB_Exit or FB_Reinit has a loop without an end
            for task in range(len(control.settings)):
                control.tasks.abort(task, control.module)
                control.tasks.abort(task, module)
    if not change.get("done"):
        common.set("withdrawn", 1)
        full_fence()
        until = time.monotonic() + _WITHDRAW_S
        while common.get("lock") and time.monotonic() < until:
            time.sleep(_POLL_S)
        if common.get("lock"):
            hint = "end the process (kill -9 is safe) and start it again"
            raise HostError("FB_Exit or FB_Reinit does not come back in the middle of the change", hint=hint)
        if not change.get("done"):
            common.set("pending", 0)
            raise Refused("no moment was found at which all tasks are between two cycles", why="they overlap always")
    return change.get("took_ns")
