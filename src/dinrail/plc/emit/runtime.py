"""The few functions in LLVM's own language that compiled code calls. Each is written into a module only when used.

All are internal, so that LLVM takes them into their callers or drops them.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from dinrail.control import context
from dinrail.plc.core.program import Fault
from dinrail.plc.emit import texts
from dinrail.plc.emit.changing import CHANGE_OF
from dinrail.plc.emit.heap import ALLOCATE, RELEASE


@dataclass(frozen=True, slots=True)
class Helper:
    """text: its definition. needs: other helpers. declares: (name, line) of outside functions."""

    text: str
    needs: tuple[str, ...] = ()
    declares: tuple[tuple[str, str], ...] = ()


_MEMMOVE = (
    "llvm.memmove.p0.p0.i64",
    "declare void @llvm.memmove.p0.p0.i64(ptr, ptr, i64, i1 immarg) nounwind willreturn",
)
_MEMSET = ("llvm.memset.p0.i64", "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1 immarg) nounwind willreturn")
_LEADING_ZEROS = ("llvm.ctlz.i64", "declare i64 @llvm.ctlz.i64(i64, i1 immarg) nounwind memory(none)")
_TRAILING_ZEROS = ("llvm.cttz.i64", "declare i64 @llvm.cttz.i64(i64, i1 immarg) nounwind memory(none)")
_STRNLEN = ("strnlen", "declare i64 @strnlen(ptr, i64) nounwind willreturn memory(argmem: read)")

_FAULT = f"""\
define internal void @dinrail_fault(ptr %ctx, i32 %code, i64 %place, i64 %v0, i64 %v1, i64 %v2) #3 {{
  %here = call ptr @llvm.frameaddress.p0(i32 0)
  call void @dinrail_record(ptr %ctx, i32 %code, i64 %place, i64 %v0, i64 %v1, i64 %v2, ptr %here)
  unreachable
}}
define internal void @dinrail_fault_at(ptr %ctx, i32 %site, i64 %value) #3 {{
  %here = call ptr @llvm.frameaddress.p0(i32 0)
  %number = zext i32 %site to i64
  %row = getelementptr [4 x i64], ptr @sites, i64 %number
  %place = load i64, ptr %row
  %pcode = getelementptr i64, ptr %row, i64 1
  %wide = load i64, ptr %pcode
  %code = trunc i64 %wide to i32
  %pv1 = getelementptr i64, ptr %row, i64 2
  %v1 = load i64, ptr %pv1
  %pv2 = getelementptr i64, ptr %row, i64 3
  %v2 = load i64, ptr %pv2
  call void @dinrail_record(ptr %ctx, i32 %code, i64 %place, i64 %value, i64 %v1, i64 %v2, ptr %here)
  unreachable
}}
define internal void @dinrail_record(ptr %ctx, i32 %code, i64 %place, i64 %v0, i64 %v1, i64 %v2, ptr %here) #3 {{
  %at = getelementptr i8, ptr %ctx, i64 {context.FAULT_PLACE}
  store i64 %place, ptr %at
  %p0 = getelementptr i8, ptr %ctx, i64 {context.FAULT_VALUES}
  store i64 %v0, ptr %p0
  %p1 = getelementptr i8, ptr %ctx, i64 {context.FAULT_VALUES + 8}
  store i64 %v1, ptr %p1
  %p2 = getelementptr i8, ptr %ctx, i64 {context.FAULT_VALUES + 16}
  store i64 %v2, ptr %p2
  %frame = ptrtoint ptr %here to i64
  call void @dinrail_walk(ptr %ctx, i64 %frame, i64 %frame, i32 0)
  call void @dinrail_leave(ptr %ctx, i32 %code)
  unreachable
}}
define protected void @dinrail_trap(ptr %ctx, i32 %code, i64 %pc, i64 %sp, i64 %frame, i64 %address) #3 {{
  %at = getelementptr i8, ptr %ctx, i64 {context.FAULT_PLACE}
  store i64 0, ptr %at
  %p0 = getelementptr i8, ptr %ctx, i64 {context.FAULT_VALUES}
  call void @llvm.memset.p0.i64(ptr %p0, i8 0, i64 24, i1 false)
  store i64 %address, ptr %p0
  %frames = getelementptr i8, ptr %ctx, i64 {context.FRAMES}
  %after = add i64 %pc, 1
  store i64 %after, ptr %frames
  call void @dinrail_walk(ptr %ctx, i64 %frame, i64 %sp, i32 1)
  call void @dinrail_leave(ptr %ctx, i32 %code)
  unreachable
}}
define internal void @dinrail_leave(ptr %ctx, i32 %code) #3 {{
  %p = getelementptr i8, ptr %ctx, i64 {context.FAULT_CODE}
  store i32 %code, ptr %p
  %at = getelementptr i8, ptr %ctx, i64 {context.HANDLER}
  %handler = load ptr, ptr %at
  %buffer = getelementptr i8, ptr %handler, i64 {context.HANDLER_BUFFER}
  call void @_longjmp(ptr %buffer, i32 1)
  unreachable
}}
define internal void @dinrail_walk(ptr %ctx, i64 %first, i64 %lowest, i32 %already) #4 {{
entry:
  %phigh = getelementptr i8, ptr %ctx, i64 {context.STACK_HIGH}
  %high = load i64, ptr %phigh
  %frames = getelementptr i8, ptr %ctx, i64 {context.FRAMES}
  %pcount = getelementptr i8, ptr %ctx, i64 {context.FRAME_COUNT}
  br label %head
head:
  %frame = phi i64 [ %first, %entry ], [ %next, %take ]
  %low = phi i64 [ %lowest, %entry ], [ %above, %take ]
  %count = phi i32 [ %already, %entry ], [ %more, %take ]
  store i32 %count, ptr %pcount
  %top = add i64 %frame, 8
  %tooLow = icmp ult i64 %frame, %low
  %tooHigh = icmp uge i64 %top, %high
  %odd = and i64 %frame, 7
  %skew = icmp ne i64 %odd, 0
  %full = icmp uge i32 %count, {context.FRAMES_MAX}
  %bad1 = or i1 %tooLow, %tooHigh
  %bad2 = or i1 %skew, %full
  %bad = or i1 %bad1, %bad2
  br i1 %bad, label %done, label %take
take:
  %pframe = inttoptr i64 %frame to ptr
  %next = load i64, ptr %pframe
  %preturn = inttoptr i64 %top to ptr
  %return = load i64, ptr %preturn
  %wide = zext i32 %count to i64
  %slot = getelementptr i64, ptr %frames, i64 %wide
  store i64 %return, ptr %slot
  %more = add i32 %count, 1
  %above = add i64 %frame, 16
  br label %head
done:
  ret void
}}"""

_GUARD = f"""\
define protected i64 @dinrail_guard(ptr %ctx, ptr %body, ptr %self, ptr %frame) #5 {{
entry:
  %record = alloca [{context.HANDLER_BYTES} x i8], align 16
  %at = getelementptr i8, ptr %ctx, i64 {context.HANDLER}
  %before = load ptr, ptr %at
  store ptr %before, ptr %record
  %pdepth = getelementptr i8, ptr %ctx, i64 {context.DEPTH}
  %depth = load i32, ptr %pdepth
  %kept = getelementptr i8, ptr %record, i64 {context.HANDLER_DEPTH}
  store i32 %depth, ptr %kept
  %outermost = icmp eq ptr %before, null
  br i1 %outermost, label %first, label %arm
first:
  %here = call ptr @llvm.frameaddress.p0(i32 0)
  %low = ptrtoint ptr %here to i64
  %high = add i64 %low, 16
  %phigh = getelementptr i8, ptr %ctx, i64 {context.STACK_HIGH}
  store i64 %high, ptr %phigh
  br label %arm
arm:
  store ptr %record, ptr %at
  %buffer = getelementptr i8, ptr %record, i64 {context.HANDLER_BUFFER}
  %again = call i32 @_setjmp(ptr %buffer) #6
  %faulted = icmp ne i32 %again, 0
  br i1 %faulted, label %caught, label %run
run:
  %result = call i32 %body(ptr %ctx, ptr %self, ptr %frame)
  store ptr %before, ptr %at
  %wide = zext i32 %result to i64
  %upper = shl i64 %wide, 32
  ret i64 %upper
caught:
  %was = load volatile ptr, ptr %record
  store ptr %was, ptr %at
  %keptAgain = load volatile i32, ptr %kept
  store i32 %keptAgain, ptr %pdepth
  %pcode = getelementptr i8, ptr %ctx, i64 {context.FAULT_CODE}
  %code = load i32, ptr %pcode
  %fault = zext i32 %code to i64
  ret i64 %fault
}}"""

_RETHROW = """\
define internal void @dinrail_again(ptr %ctx, i32 %code) #3 {
  call void @dinrail_leave(ptr %ctx, i32 %code)
  unreachable
}"""

_DEPTH = f"""\
define internal void @dinrail_deeper(ptr %ctx, i32 %limit, i64 %place) #1 {{
  %p = getelementptr i8, ptr %ctx, i64 {context.DEPTH}
  %depth = load i32, ptr %p
  %more = add i32 %depth, 1
  %over = icmp ugt i32 %more, %limit
  br i1 %over, label %fault, label %fine
fault:
  call void @dinrail_fault(ptr %ctx, i32 {int(Fault.RECURSION)}, i64 %place, i64 0, i64 0, i64 0)
  unreachable
fine:
  store i32 %more, ptr %p
  ret void
}}
define internal void @dinrail_shallower(ptr %ctx) #1 {{
  %p = getelementptr i8, ptr %ctx, i64 {context.DEPTH}
  %depth = load i32, ptr %p
  %less = sub i32 %depth, 1
  store i32 %less, ptr %p
  ret void
}}"""

_CLOCK_MONOTONIC = 4 if sys.platform.startswith("freebsd") else 1

_NOW = f"""\
define internal i64 @dinrail_now(ptr %ctx) #1 {{
  %time = alloca [16 x i8], align 8
  %pinjected = getelementptr i8, ptr %ctx, i64 {context.INJECTED}
  %injected = load i8, ptr %pinjected
  %is = icmp ne i8 %injected, 0
  br i1 %is, label %given, label %machine
given:
  %pbegin = getelementptr i8, ptr %ctx, i64 {context.TASK_TIME_NS}
  %begin = load i64, ptr %pbegin
  ret i64 %begin
machine:
  %status = call i32 @clock_gettime(i32 {_CLOCK_MONOTONIC}, ptr %time)
  %seconds = load i64, ptr %time
  %pns = getelementptr i8, ptr %time, i64 8
  %ns = load i64, ptr %pns
  %whole = mul i64 %seconds, 1000000000
  %sum = add i64 %whole, %ns
  ret i64 %sum
}}"""

_LOG = f"""\
@dinrail_log = global [{context.LOG_HEADER_BYTES + context.LOG_ENTRIES * context.LOG_ENTRY_BYTES} x i8] \
zeroinitializer, align 64
define internal void @dinrail_log_text(ptr %ctx, ptr %text, i32 %level) #4 {{
  %number = atomicrmw add ptr @dinrail_log, i64 1 monotonic
  %index = and i64 %number, {context.LOG_ENTRIES - 1}
  %offset = mul i64 %index, {context.LOG_ENTRY_BYTES}
  %base = getelementptr i8, ptr @dinrail_log, i64 {context.LOG_HEADER_BYTES}
  %entry = getelementptr i8, ptr %base, i64 %offset
  store atomic i64 0, ptr %entry seq_cst, align 8
  %ptime = getelementptr i8, ptr %ctx, i64 {context.WALL_TIME_NS}
  %time = load i64, ptr %ptime
  %totime = getelementptr i8, ptr %entry, i64 8
  store i64 %time, ptr %totime
  %tolevel = getelementptr i8, ptr %entry, i64 16
  store i32 %level, ptr %tolevel
  %ptask = getelementptr i8, ptr %ctx, i64 {context.INDEX}
  %task = load i32, ptr %ptask
  %totask = getelementptr i8, ptr %entry, i64 20
  store i32 %task, ptr %totask
  %totext = getelementptr i8, ptr %entry, i64 24
  call void @text_copy_8(ptr %totext, ptr %text, i64 {context.LOG_TEXT_BYTES - 1})
  %sequence = add i64 %number, 1
  store atomic i64 %sequence, ptr %entry release, align 8
  ret void
}}"""

_SIGN = """\
define internal i32 @dinrail_compare_memory(i64 %a, i64 %b, i64 %bytes) #1 {
  %pa = inttoptr i64 %a to ptr
  %pb = inttoptr i64 %b to ptr
  %r = call i32 @memcmp(ptr %pa, ptr %pb, i64 %bytes)
  %above = icmp sgt i32 %r, 0
  %below = icmp slt i32 %r, 0
  %up = zext i1 %above to i32
  %down = zext i1 %below to i32
  %sign = sub i32 %up, %down
  ret i32 %sign
}"""

HELPERS = {
    "dinrail_fault": Helper(
        _FAULT,
        declares=(
            _MEMSET,
            ("_longjmp", "declare void @_longjmp(ptr, i32) noreturn nounwind"),
            ("llvm.frameaddress.p0", "declare ptr @llvm.frameaddress.p0(i32 immarg) nounwind"),
        ),
    ),
    "dinrail_guard": Helper(
        _GUARD, ("dinrail_fault",), (("_setjmp", "declare i32 @_setjmp(ptr) nounwind returns_twice"),)
    ),
    "dinrail_again": Helper(_RETHROW, ("dinrail_fault",)),
    "dinrail_deeper": Helper(_DEPTH, ("dinrail_fault",)),
    "dinrail_now": Helper(_NOW, declares=(("clock_gettime", "declare i32 @clock_gettime(i32, ptr) nounwind"),)),
    "dinrail_log_text": Helper(_LOG, ("text_copy_8",)),
    "dinrail_compare_memory": Helper(
        _SIGN, declares=(("memcmp", "declare i32 @memcmp(ptr, ptr, i64) nounwind willreturn memory(argmem: read)"),)
    ),
    "dinrail_allocate": Helper(ALLOCATE, declares=(_MEMSET, _LEADING_ZEROS)),
    "dinrail_change_of": Helper(CHANGE_OF),
    "dinrail_release": Helper(RELEASE, ("dinrail_allocate",)),
    "text_compare_8": Helper(texts.COMPARE_8, declares=(_TRAILING_ZEROS,)),
    "text_compare_16": Helper(texts.COMPARE_16),
    "text_copy_8": Helper(
        texts.COPY_8,
        declares=(_MEMMOVE, _STRNLEN),
    ),
    "text_copy_16": Helper(texts.COPY_16, declares=(_MEMMOVE,)),
}
