"""What the control process and its tasks' threads share in memory of their own: nobody else can touch it.

The threads run native code that `plc.emit.executive` wrote, which knows these offsets and nothing of Python. Addresses
are those of this process. `m` marks a word that the main thread writes, `t` one that the task's thread writes.
"""

from __future__ import annotations

from dinrail.layout import pad, record, u32, u64


@record(size_bytes=0x100, name="Common", source="docs/control.md")
class Common:
    """One for the process."""

    task_count: int = u32(0x00)
    lock: int = u32(0x04)  # t: 1 while an online change is made
    tasks: int = u64(0x08)  # address of addresses of TaskBlocks
    pending: int = u64(0x10)  # m: address of a ChangeBlock; t clears it when it is made
    withdrawn: int = u32(0x18)  # m: 1: no thread may begin the change any more
    lost: int = u32(0x1C)  # t: 1: the channel's file was cut off
    channel_low: int = u64(0x20)
    channel_high: int = u64(0x28)
    _reserved_30: bytes = pad(0x30, 0xD0)


@record(size_bytes=0x300, name="TaskBlock", source="docs/control.md")
class TaskBlock:
    """One for each task."""

    common: int = u64(0x00)
    module: int = u64(0x08)  # m, and t in an online change: address of this task's ModuleBlock
    record: int = u64(0x10)  # TaskRecord in the channel
    ring: int = u64(0x18)  # its header in the channel
    ring_bytes: int = u64(0x20)
    forces: int = u64(0x28)  # its header in the channel
    published: int = u64(0x30)  # its header in the channel
    published_capacity: int = u64(0x38)
    latency_histogram: int = u64(0x40)
    execution_histogram: int = u64(0x48)
    mailboxes: int = u64(0x50)
    mailbox_bytes: int = u32(0x58)
    mailbox_count: int = u32(0x5C)
    exchanges: int = u64(0x60)  # address of ExchangeBlocks
    exchange_count: int = u32(0x68)
    index: int = u32(0x6C)  # from 0
    cycle_ns: int = u64(0x70)
    start_ns: int = u64(0x78)  # CLOCK_MONOTONIC of the first cycle
    budget_records: int = u32(0x80)
    budget_bytes: int = u32(0x84)
    watchdog_cycles: int = u32(0x88)
    overrun_stops: int = u32(0x8C)
    stack_guard: int = u64(0x90)  # lowest address of the guard below the stack
    stack_low: int = u64(0x98)
    stack_high: int = u64(0xA0)
    signal_stack: int = u64(0xA8)
    signal_stack_bytes: int = u64(0xB0)
    is_area_task: int = u32(0xB8)
    published_count: int = u32(0xBC)  # buffers of published data
    _reserved_c0: bytes = pad(0xC0, 0x40)
    wanted: int = u32(0x100)  # m: RUN or STOP
    leave: int = u32(0x104)  # m: 1: the thread is to end
    fail: int = u32(0x108)  # m: a fault's number: the task is to stop with it at its next cycle
    _reserved_10c: bytes = pad(0x10C, 0x34)
    alive: int = u32(0x140)  # t: the thread runs
    state: int = u32(0x144)  # t
    fault: int = u32(0x148)  # t
    in_cycle: int = u32(0x14C)  # t
    busy_ns: int = u64(0x150)  # t: begin of the cycle that is being run, 0: none
    in_trap: int = u32(0x158)  # t: 1 while a processor's trap is being dealt with
    layout: int = u32(0x15C)  # t: online change count of the module that runs
    cycle_count: int = u64(0x160)
    run_count: int = u64(0x168)
    next_ns: int = u64(0x170)
    tail: int = u64(0x178)
    dropped: int = u64(0x180)
    outdated: int = u64(0x188)
    publications: int = u64(0x190)
    force_count: int = u32(0x198)
    first_run: int = u32(0x19C)  # 1: the next cycle of the body is the first one
    force_sequence: int = u64(0x1A0)
    forces_changed: int = u32(0x1A8)
    exceeded_in_a_row: int = u32(0x1AC)
    change_waits: int = u64(0x1B0)
    overruns: int = u64(0x1B8)
    missed_cycles: int = u64(0x1C0)
    exceeded: int = u64(0x1C8)
    first_cycle_ns: int = u64(0x1D0)
    latency_min_ns: int = u64(0x1D8)
    latency_max_ns: int = u64(0x1E0)
    latency_sum_ns: int = u64(0x1E8)
    execution_min_ns: int = u64(0x1F0)
    execution_max_ns: int = u64(0x1F8)
    execution_sum_ns: int = u64(0x200)
    scratch: int = u64(0x208)  # address of MAX_RECORD_BYTES
    frame: int = u64(0x210)  # address of CALL_FRAME_BYTES
    force_entries: int = u64(0x218)  # address of FORCE_CAPACITY entries of 8 bytes
    output_counter: int = u64(0x220)
    latency_last_ns: int = u64(0x228)
    trap_address: int = u64(0x230)
    _reserved_238: bytes = pad(0x238, 0xC8)


@record(size_bytes=0x100, name="ModuleBlock", source="docs/control.md")
class ModuleBlock:
    """A loaded image as one task sees it. Changes never: another image gets another block."""

    context: int = u64(0x00)  # the task's control.context record
    body: int = u64(0x08)  # u32 body(ctx): 0, or the fault's number
    guard: int = u64(0x10)
    trap: int = u64(0x18)
    base_data: int = u64(0x20)  # by Space
    base_input: int = u64(0x28)
    base_output: int = u64(0x30)
    base_marker: int = u64(0x38)
    segments: int = u64(0x40)  # address of SegmentBlocks
    segment_count: int = u64(0x48)
    published_bytes: int = u64(0x50)
    read_inputs: int = u64(0x58)  # u32 hook(ctx, %I, %Q) before the body; 0: none
    write_outputs: int = u64(0x60)  # the same behind it
    stubs: int = u64(0x68)  # address of methods' stubs
    stub_count: int = u64(0x70)
    data_bytes: int = u64(0x78)
    layout: int = u32(0x80)
    _reserved_84: bytes = pad(0x84, 4)
    take: int = u64(0x88)  # void take(): what other tasks have handed over; 0: nothing
    give: int = u64(0x90)  # void give(): what this one hands over; 0
    code_low: int = u64(0x98)  # the image's own code in memory
    code_high: int = u64(0xA0)
    _reserved_a8: bytes = pad(0xA8, 0x58)


@record(size_bytes=0x20, name="SegmentBlock", source="docs/control.md")
class SegmentBlock:
    """A piece of memory that the task publishes, and may be told to write."""

    space: int = u64(0x00)
    offset: int = u64(0x08)
    size_bytes: int = u64(0x10)
    position: int = u64(0x18)


@record(size_bytes=0x60, name="ExchangeBlock", source="docs/control.md")
class ExchangeBlock:
    """One driver, as its task sees it. Addresses of areas are relative to the module's: offsets."""

    record: int = u64(0x00)  # ExchangeRecord in the channel
    input_slots: int = u64(0x08)
    output_slots: int = u64(0x10)
    input_offset: int = u64(0x18)
    input_bytes: int = u64(0x20)
    output_offset: int = u64(0x28)
    output_bytes: int = u64(0x30)
    last_counter: int = u64(0x38)  # t
    stale_cycles: int = u64(0x40)  # t
    written: int = u32(0x48)  # t: latest << 2 | slot of pair 1 << 1 | slot of pair 0, as last written
    _reserved_4c: bytes = pad(0x4C, 0x14)


@record(size_bytes=0x60, name="ChangeBlock", source="docs/control.md")
class ChangeBlock:
    """An online change, ready to be made between two cycles."""

    operations: int = u64(0x00)  # address of OperationBlocks
    operation_count: int = u64(0x08)
    modules: int = u64(0x10)  # address of addresses: each task's new ModuleBlock
    ranges: int = u64(0x18)  # address of RangeBlocks, by old_low
    range_count: int = u64(0x20)
    took_ns: int = u64(0x28)  # t
    done: int = u64(0x30)  # t: 1, last
    leave: int = u64(0x38)  # u32 leave(ctx) of the old module, before the copying (FB_Exit); 0: nothing to do
    leave_table: int = u64(0x40)  # control.context, CHANGES, for it
    reinitialise: int = u64(0x48)  # u32 reinitialise(ctx) of the new one, behind it (FB_Reinit); 0
    reinitialise_table: int = u64(0x50)
    seed: int = u64(0x58)  # void seed() of the new one: all its tasks see the data as copied; 0


@record(size_bytes=0x20, name="OperationBlock", source="docs/control.md")
class OperationBlock:
    """Copy bytes, or (`kind` 1) `count` addresses, each translated by the ranges."""

    kind: int = u64(0x00)
    source: int = u64(0x08)
    target: int = u64(0x10)
    size_bytes: int = u64(0x18)


@record(size_bytes=0x18, name="RangeBlock", source="docs/control.md")
class RangeBlock:
    """Old addresses old_low .. old_high - 1 are now new_low ..; new_low 0: gone (0 is put)."""

    old_low: int = u64(0x00)
    old_high: int = u64(0x08)
    new_low: int = u64(0x10)
