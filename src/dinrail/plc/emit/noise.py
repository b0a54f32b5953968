"""Two small native loops that measure how quiet a core is, compiled when they are called.

No Python runs in either: each is called by a thread of its own that has let go of the interpreter's lock. They need
LLVM alone, no C compiler. Figures go through one array of 64-bit words; the tables below name its places.

    spin    reads the clock for `window`, then sleeps for `pause` (the rest of the machine needs the core, too, and the
            kernel stops a real-time thread that never sleeps); two readings `threshold` apart are a gap, and so is a
            rest that ends a millisecond late
    cycle   sleeps until the next of equally spaced times and sees how late it wakes up. A wake-up that is a whole
            period late or more is counted, the cycles that passed are skipped, and the phase is kept: as the executive
            does it
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

import llvmlite.binding as llvm

from dinrail.errors import HostError
from dinrail.isolation.noise import Cycled, Gap, Histogram, Spun
from dinrail.units import MS_NS, S_NS, US_NS

PRIORITY = 80
"""SCHED_FIFO priority, as cyclictest is usually run."""

_CLOCK_MONOTONIC, _TIMER_ABSTIME = (4, 1) if sys.platform.startswith("freebsd") else (1, 1)
_EINTR = 4
_HEAD = 16
_GAPS = 4096
_BUCKETS = 20_000
_BUCKET_NS = 100
_WINDOW_NS, _PAUSE_NS = 80 * MS_NS, 20 * MS_NS
_LATE_NS = MS_NS
"""A rest that ends so late was taken away, too; a usual wake-up is the other loop's business."""

# Places in the array of `spin`.
_END, _WINDOW, _PAUSE, _THRESHOLD, _CAPACITY, _COUNT, _TURNS, _LONGEST, _SPUN = range(9)
# Places in the array of `cycle`.
_NEXT, _PERIOD, _CYCLES, _BUCKET, _SIZE, _DONE, _OVERRUNS, _MISSED, _LEAST, _MOST, _SUM = range(11)

_IR = f"""
declare i32 @clock_gettime(i32, ptr)
declare i32 @clock_nanosleep(i32, i32, ptr, ptr)

define internal i64 @now() {{
  %t = alloca [2 x i64]
  %r = call i32 @clock_gettime(i32 {_CLOCK_MONOTONIC}, ptr %t)
  %s = load i64, ptr %t
  %p = getelementptr i64, ptr %t, i64 1
  %n = load i64, ptr %p
  %m = mul i64 %s, {S_NS}
  %v = add i64 %m, %n
  ret i64 %v
}}

define internal void @sleep_until(i64 %ns) {{
  %t = alloca [2 x i64]
  %s = sdiv i64 %ns, {S_NS}
  %n = srem i64 %ns, {S_NS}
  store i64 %s, ptr %t
  %p = getelementptr i64, ptr %t, i64 1
  store i64 %n, ptr %p
  br label %again
again:
  %r = call i32 @clock_nanosleep(i32 {_CLOCK_MONOTONIC}, i32 {_TIMER_ABSTIME}, ptr %t, ptr null)
  %i = icmp eq i32 %r, {_EINTR}
  br i1 %i, label %again, label %done
done:
  ret void
}}

define internal void @add(ptr %a, i64 %place, i64 %by) {{
  %p = getelementptr i64, ptr %a, i64 %place
  %o = load i64, ptr %p
  %n = add i64 %o, %by
  store i64 %n, ptr %p
  ret void
}}

define internal i64 @get(ptr %a, i64 %place) {{
  %p = getelementptr i64, ptr %a, i64 %place
  %v = load i64, ptr %p
  ret i64 %v
}}

define internal void @raise(ptr %a, i64 %place, i64 %value) {{
  %p = getelementptr i64, ptr %a, i64 %place
  %o = load i64, ptr %p
  %n = call i64 @llvm.smax.i64(i64 %o, i64 %value)
  store i64 %n, ptr %p
  ret void
}}

declare i64 @llvm.smax.i64(i64, i64)
declare i64 @llvm.smin.i64(i64, i64)

define internal void @seen(ptr %a, i64 %since, i64 %gap) {{
  call void @raise(ptr %a, i64 {_LONGEST}, i64 %gap)
  %count = call i64 @get(ptr %a, i64 {_COUNT})
  call void @add(ptr %a, i64 {_COUNT}, i64 1)
  %capacity = call i64 @get(ptr %a, i64 {_CAPACITY})
  %room = icmp slt i64 %count, %capacity
  br i1 %room, label %keep, label %done
keep:
  %twice = mul i64 %count, 2
  %at = add i64 %twice, {_HEAD}
  %p = getelementptr i64, ptr %a, i64 %at
  store i64 %since, ptr %p
  %q = getelementptr i64, ptr %p, i64 1
  store i64 %gap, ptr %q
  br label %done
done:
  ret void
}}

define void @spin(ptr %a) {{
entry:
  %end = call i64 @get(ptr %a, i64 {_END})
  %window = call i64 @get(ptr %a, i64 {_WINDOW})
  %pause = call i64 @get(ptr %a, i64 {_PAUSE})
  %threshold = call i64 @get(ptr %a, i64 {_THRESHOLD})
  br label %burst
burst:
  %began = call i64 @now()
  %until = add i64 %began, %window
  br label %turn
turn:
  %last = phi i64 [ %began, %burst ], [ %t, %next ]
  %t = call i64 @now()
  %gap = sub i64 %t, %last
  call void @add(ptr %a, i64 {_TURNS}, i64 1)
  %is_gap = icmp sge i64 %gap, %threshold
  br i1 %is_gap, label %gap_seen, label %next
gap_seen:
  call void @seen(ptr %a, i64 %last, i64 %gap)
  br label %next
next:
  %over = icmp sge i64 %t, %until
  br i1 %over, label %rest, label %turn
rest:
  %spun = sub i64 %t, %began
  call void @add(ptr %a, i64 {_SPUN}, i64 %spun)
  %enough = icmp sge i64 %t, %end
  br i1 %enough, label %done, label %sleep
sleep:
  %wake = add i64 %t, %pause
  call void @sleep_until(i64 %wake)
  %awake = call i64 @now()
  %overslept = sub i64 %awake, %wake
  %is_late = icmp sge i64 %overslept, {_LATE_NS}
  br i1 %is_late, label %late_seen, label %burst
late_seen:
  call void @seen(ptr %a, i64 %wake, i64 %overslept)
  br label %burst
done:
  ret void
}}

define void @cycle(ptr %a) {{
entry:
  %period = call i64 @get(ptr %a, i64 {_PERIOD})
  %cycles = call i64 @get(ptr %a, i64 {_CYCLES})
  %bucket = call i64 @get(ptr %a, i64 {_BUCKET})
  %size = call i64 @get(ptr %a, i64 {_SIZE})
  %first = call i64 @get(ptr %a, i64 {_NEXT})
  br label %wait
wait:
  %due = phi i64 [ %first, %entry ], [ %then, %more ]
  %number = phi i64 [ 0, %entry ], [ %done, %more ]
  call void @sleep_until(i64 %due)
  %t = call i64 @now()
  %late = sub i64 %t, %due
  %index = sdiv i64 %late, %bucket
  %kept = call i64 @llvm.smin.i64(i64 %index, i64 %size)
  %place = add i64 %kept, {_HEAD}
  call void @add(ptr %a, i64 %place, i64 1)
  call void @raise(ptr %a, i64 {_MOST}, i64 %late)
  %minus = sub i64 0, %late
  call void @raise(ptr %a, i64 {_LEAST}, i64 %minus)
  call void @add(ptr %a, i64 {_SUM}, i64 %late)
  %passed = sdiv i64 %late, %period
  %over = icmp sgt i64 %passed, 0
  %one = zext i1 %over to i64
  call void @add(ptr %a, i64 {_OVERRUNS}, i64 %one)
  call void @add(ptr %a, i64 {_MISSED}, i64 %passed)
  %steps = add i64 %passed, 1
  %ahead = mul i64 %steps, %period
  %then = add i64 %due, %ahead
  %done = add i64 %number, 1
  call void @add(ptr %a, i64 {_DONE}, i64 1)
  %enough = icmp sge i64 %done, %cycles
  br i1 %enough, label %end, label %more
more:
  br label %wait
end:
  ret void
}}
"""

_Words = ctypes.Array[ctypes.c_int64]


class NoiseMeter:
    """The compiled loops. One object is enough; it may be used again and again."""

    def __init__(self) -> None:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        module = llvm.parse_assembly(_IR)
        machine = llvm.Target.from_default_triple().create_target_machine(opt=2)
        builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=2))
        builder.getModulePassManager().run(module, builder)
        self._engine = llvm.create_mcjit_compiler(module, machine)
        self._engine.finalize_object()

    def spin(self, core: int, *, duration_ns: int, threshold_ns: int = 10 * US_NS, priority: int = PRIORITY) -> Spun:
        """Spin on a core for that time. Raises HostError when the core is not there."""
        words = (ctypes.c_int64 * (_HEAD + 2 * _GAPS))()
        words[_WINDOW], words[_PAUSE], words[_THRESHOLD], words[_CAPACITY] = _WINDOW_NS, _PAUSE_NS, threshold_ns, _GAPS
        began_ns: list[int] = []

        def prepare(now_ns: int) -> None:
            began_ns.append(now_ns)
            words[_END] = now_ns + duration_ns

        fifo = self._run("spin", words, core, priority, prepare)
        kept = range(min(words[_COUNT], _GAPS))
        gaps = (Gap(words[_HEAD + 2 * i] - began_ns[0], words[_HEAD + 2 * i + 1]) for i in kept)
        return Spun(
            threshold_ns=threshold_ns,
            gaps=tuple(gaps),
            count=words[_COUNT],
            longest_ns=words[_LONGEST],
            spun_ns=words[_SPUN],
            turns=words[_TURNS],
            fifo=fifo,
        )

    def cycle(self, core: int, *, period_ns: int, cycles: int, priority: int = PRIORITY) -> Cycled:
        """Sleep and wake up so many times. Raises HostError when the core is not there."""
        words = (ctypes.c_int64 * (_HEAD + _BUCKETS + 1))()
        words[_PERIOD], words[_CYCLES], words[_BUCKET], words[_SIZE] = period_ns, cycles, _BUCKET_NS, _BUCKETS
        words[_LEAST] = -(2**62)  # the least lateness is kept as the greatest of its negatives

        def prepare(now_ns: int) -> None:
            words[_NEXT] = now_ns + max(period_ns, MS_NS)

        fifo = self._run("cycle", words, core, priority, prepare)
        counts = tuple(words[_HEAD : _HEAD + _BUCKETS])
        return Cycled(
            period_ns=period_ns,
            cycles=words[_DONE],
            overruns=words[_OVERRUNS],
            missed=words[_MISSED],
            least_ns=-words[_LEAST],
            most_ns=words[_MOST],
            mean_ns=words[_SUM] / max(words[_DONE], 1),
            histogram=Histogram(_BUCKET_NS, counts, words[_HEAD + _BUCKETS]),
            fifo=fifo,
        )

    def _run(self, name: str, words: _Words, core: int, priority: int, prepare: Callable[[int], None]) -> bool:
        """Call a loop in a thread on that core. True when it had its real-time priority."""
        function = ctypes.CFUNCTYPE(None, ctypes.POINTER(ctypes.c_int64))(self._engine.get_function_address(name))
        fifo: list[bool] = []
        faults: list[OSError] = []

        def work() -> None:
            try:
                os.sched_setaffinity(0, {core})
            except OSError as fault:
                faults.append(fault)
                return
            fifo.append(_real_time(priority))
            prepare(time.monotonic_ns())
            function(words)

        with ExitStack() as held:
            _stay_awake(held)
            thread = threading.Thread(target=work, name=f"noise-{name}", daemon=True)
            thread.start()
            thread.join()
        if faults:
            raise HostError(
                f"no thread can run on core {core}", where="sched_setaffinity", why=str(faults[0]), hint="is it online?"
            ) from faults[0]
        return fifo[0]


def _real_time(priority: int) -> bool:
    """SCHED_FIFO for the calling thread, where that is allowed."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except PermissionError:
        return False
    return True


def _stay_awake(held: ExitStack) -> None:
    """Hold /dev/cpu_dma_latency at 0 while measuring, as the control does: no deep sleep. Where it can be opened."""
    try:
        fd = os.open("/dev/cpu_dma_latency", os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return
    held.callback(os.close, fd)
    os.write(fd, bytes(4))
