"""The heap of __NEW: one arena for the application, blocks of powers of two, one free list for each size.

The arena is not part of the shared object, for it outlives an online change: whoever loads the object sets the two
words of `dinrail_heap` (address, bytes) before the initialisation. All that the heap knows lies in the arena, which
starts as zeros; without one, or when it is full, __NEW gives 0.

Tasks share it without a lock, so a task that was interrupted in the middle never makes another one wait: a list's head
is one word (a count of changes in the upper half against the ABA problem, the first block's number in the lower), and
changes by compare-and-exchange. A block begins with 16 bytes of ours: its size's logarithm and a mark while it is in
use, and the next free block's number, which nobody but this code writes.

    arena    0 used u64 (bytes behind the header that were ever given out) | 64 heads u64[64] | 1024 blocks
"""

from __future__ import annotations

ARENA_HEADER_BYTES = 1024
BLOCK_HEADER_BYTES = 16
_MARK = 0x4E49414C
"""In the upper half of a used block's first word."""

ALLOCATE = f"""\
@heap = internal global {{ ptr, i64 }} zeroinitializer, align 16
@dinrail_heap = alias {{ ptr, i64 }}, ptr @heap
define internal i64 @dinrail_allocate(i64 %bytes) #4 {{
entry:
  %whole = add i64 %bytes, {BLOCK_HEADER_BYTES}
  %small = icmp ult i64 %whole, 32
  %least = select i1 %small, i64 32, i64 %whole
  %absurd = icmp ugt i64 %bytes, 1099511627776
  %base = load ptr, ptr @heap
  %room = load i64, ptr getelementptr inbounds (i8, ptr @heap, i64 8)
  %tiny = icmp ule i64 %room, {ARENA_HEADER_BYTES}
  %hopeless = or i1 %absurd, %tiny
  br i1 %hopeless, label %none, label %sized
sized:
  %most = sub i64 %room, {ARENA_HEADER_BYTES}
  %heads = getelementptr i8, ptr %base, i64 64
  %blocks = getelementptr i8, ptr %base, i64 {ARENA_HEADER_BYTES}
  %below = sub i64 %least, 1
  %zeros = call i64 @llvm.ctlz.i64(i64 %below, i1 false)
  %log = sub i64 64, %zeros
  %size = shl i64 1, %log
  %list = getelementptr i64, ptr %heads, i64 %log
  br label %pop
pop:
  %head = load atomic i64, ptr %list acquire, align 8
  %number = and i64 %head, 4294967295
  %empty = icmp eq i64 %number, 0
  br i1 %empty, label %bump, label %take
take:
  %before = sub i64 %number, 1
  %distance = shl i64 %before, 4
  %block = getelementptr i8, ptr %blocks, i64 %distance
  %link = getelementptr i8, ptr %block, i64 8
  %next = load atomic i64, ptr %link monotonic, align 8
  %count = lshr i64 %head, 32
  %more = add i64 %count, 1
  %upper = shl i64 %more, 32
  %new = or i64 %upper, %next
  %swap = cmpxchg ptr %list, i64 %head, i64 %new acq_rel monotonic
  %done = extractvalue {{ i64, i1 }} %swap, 1
  br i1 %done, label %found, label %pop
bump:
  %top = load atomic i64, ptr %base monotonic, align 8
  %end = add i64 %top, %size
  %full = icmp ugt i64 %end, %most
  br i1 %full, label %none, label %grow
grow:
  %moved = cmpxchg ptr %base, i64 %top, i64 %end monotonic monotonic
  %mine = extractvalue {{ i64, i1 }} %moved, 1
  br i1 %mine, label %fresh, label %bump
fresh:
  %unused = getelementptr i8, ptr %blocks, i64 %top
  br label %found
found:
  %at = phi ptr [ %block, %take ], [ %unused, %fresh ]
  %marked = or i64 %log, {_MARK << 32}
  store i64 %marked, ptr %at
  %user = getelementptr i8, ptr %at, i64 {BLOCK_HEADER_BYTES}
  call void @llvm.memset.p0.i64(ptr %user, i8 0, i64 %bytes, i1 false)
  %address = ptrtoint ptr %user to i64
  ret i64 %address
none:
  ret i64 0
}}"""

RELEASE = f"""\
define internal i1 @dinrail_release(i64 %address) #4 {{
entry:
  %base = load ptr, ptr @heap
  %room = load i64, ptr getelementptr inbounds (i8, ptr @heap, i64 8)
  %blocks = getelementptr i8, ptr %base, i64 {ARENA_HEADER_BYTES}
  %start = ptrtoint ptr %blocks to i64
  %past = sub i64 %address, %start
  %distance = sub i64 %past, {BLOCK_HEADER_BYTES}
  %used.bytes = icmp ult i64 %distance, %room
  %low = and i64 %distance, 15
  %even = icmp eq i64 %low, 0
  %ours = and i1 %used.bytes, %even
  br i1 %ours, label %inside, label %foreign
inside:
  %top = load atomic i64, ptr %base monotonic, align 8
  %given = icmp ult i64 %distance, %top
  br i1 %given, label %look, label %foreign
look:
  %block = getelementptr i8, ptr %blocks, i64 %distance
  %marked = load i64, ptr %block
  %mark = lshr i64 %marked, 32
  %used = icmp eq i64 %mark, {_MARK}
  %log = and i64 %marked, 63
  br i1 %used, label %free, label %foreign
free:
  store i64 0, ptr %block
  %heads = getelementptr i8, ptr %base, i64 64
  %list = getelementptr i64, ptr %heads, i64 %log
  %sixteenths = lshr i64 %distance, 4
  %number = add i64 %sixteenths, 1
  %link = getelementptr i8, ptr %block, i64 8
  br label %push
push:
  %head = load atomic i64, ptr %list monotonic, align 8
  %first = and i64 %head, 4294967295
  store atomic i64 %first, ptr %link monotonic, align 8
  %count = lshr i64 %head, 32
  %more = add i64 %count, 1
  %upper = shl i64 %more, 32
  %new = or i64 %upper, %number
  %swap = cmpxchg ptr %list, i64 %head, i64 %new acq_rel monotonic
  %done = extractvalue {{ i64, i1 }} %swap, 1
  br i1 %done, label %good, label %push
good:
  ret i1 true
foreign:
  ret i1 false
}}"""
