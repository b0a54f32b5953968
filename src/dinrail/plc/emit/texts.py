"""Texts, compared and copied: helpers in LLVM's language (see `runtime`).

A text ends at its first 0 unit, or with its place. n: units that there are. `compare` gives less than, equal to or more
than 0; `copy` takes as many units as fit, and puts a 0 behind them.
"""

from __future__ import annotations

COMPARE_16 = """\
define internal i32 @text_compare_16(ptr %a, i64 %na, ptr %b, i64 %nb) #1 {
entry:
  br label %head
head:
  %i = phi i64 [ 0, %entry ], [ %next, %more ]
  %ina = icmp ult i64 %i, %na
  br i1 %ina, label %loada, label %enda
loada:
  %pa = getelementptr inbounds i16, ptr %a, i64 %i
  %va = load i16, ptr %pa, align 1
  br label %enda
enda:
  %ca = phi i16 [ 0, %head ], [ %va, %loada ]
  %inb = icmp ult i64 %i, %nb
  br i1 %inb, label %loadb, label %endb
loadb:
  %pb = getelementptr inbounds i16, ptr %b, i64 %i
  %vb = load i16, ptr %pb, align 1
  br label %endb
endb:
  %cb = phi i16 [ 0, %enda ], [ %vb, %loadb ]
  %wa = zext i16 %ca to i32
  %wb = zext i16 %cb to i32
  %difference = sub i32 %wa, %wb
  %same = icmp eq i32 %difference, 0
  %alive = icmp ne i16 %ca, 0
  %go = and i1 %same, %alive
  br i1 %go, label %more, label %done
more:
  %next = add i64 %i, 1
  br label %head
done:
  ret i32 %difference
}"""

COMPARE_8 = """\
define internal i32 @text_compare_8(ptr %a, i64 %na, ptr %b, i64 %nb) #1 {
entry:
  %shorter = icmp ult i64 %na, %nb
  %both = select i1 %shorter, i64 %na, i64 %nb
  br label %head
head:
  %i = phi i64 [ 0, %entry ], [ %after, %alike ]
  %after = add i64 %i, 8
  %fits = icmp ule i64 %after, %both
  br i1 %fits, label %word, label %unit
word:
  %pa8 = getelementptr inbounds i8, ptr %a, i64 %i
  %pb8 = getelementptr inbounds i8, ptr %b, i64 %i
  %x = load i64, ptr %pa8, align 1
  %y = load i64, ptr %pb8, align 1
  %differ = xor i64 %x, %y
  %less = sub i64 %x, 72340172838076673
  %no = xor i64 %x, -1
  %high = and i64 %less, %no
  %zeros = and i64 %high, -9187201950435737472
  %any = or i64 %differ, %zeros
  %same = icmp eq i64 %any, 0
  br i1 %same, label %alike, label %found
alike:
  br label %head
found:
  %atd = call i64 @llvm.cttz.i64(i64 %differ, i1 false)
  %atz = call i64 @llvm.cttz.i64(i64 %zeros, i1 false)
  %td = and i64 %atd, 120
  %tz = and i64 %atz, 120
  %ended = icmp ult i64 %tz, %td
  %sx = lshr i64 %x, %td
  %sy = lshr i64 %y, %td
  %bx = and i64 %sx, 255
  %by = and i64 %sy, 255
  %wide = sub i64 %bx, %by
  %narrow = trunc i64 %wide to i32
  %equal = icmp eq i64 %differ, 0
  %none = or i1 %ended, %equal
  %sign = select i1 %none, i32 0, i32 %narrow
  ret i32 %sign
unit:
  %k = phi i64 [ %i, %head ], [ %next, %on ]
  %inside = icmp ult i64 %k, %both
  br i1 %inside, label %look, label %tail
look:
  %pa = getelementptr inbounds i8, ptr %a, i64 %k
  %pb = getelementptr inbounds i8, ptr %b, i64 %k
  %va = load i8, ptr %pa, align 1
  %vb = load i8, ptr %pb, align 1
  %wa = zext i8 %va to i32
  %wb = zext i8 %vb to i32
  %difference = sub i32 %wa, %wb
  %unlike = icmp ne i32 %difference, 0
  %end = icmp eq i8 %va, 0
  %over = or i1 %unlike, %end
  br i1 %over, label %told, label %on
on:
  %next = add i64 %k, 1
  br label %unit
told:
  ret i32 %difference
tail:
  %level = icmp eq i64 %na, %nb
  br i1 %level, label %done, label %longer
longer:
  %which = select i1 %shorter, ptr %b, ptr %a
  %at = getelementptr inbounds i8, ptr %which, i64 %both
  %rest = load i8, ptr %at, align 1
  %more = zext i8 %rest to i32
  %minus = sub i32 0, %more
  %answer = select i1 %shorter, i32 %minus, i32 %more
  ret i32 %answer
done:
  ret i32 0
}"""
"""Eight units at a time, as long as both places have so many: the C library would be asked for a few bytes each time.
(`zeros` has the highest bit of the first unit that is 0, and perhaps of some behind it.)"""

COPY_8 = """\
define internal void @text_copy_8(ptr %to, ptr %from, i64 %most) #1 {
  %length = call i64 @strnlen(ptr %from, i64 %most)
  call void @llvm.memmove.p0.p0.i64(ptr %to, ptr %from, i64 %length, i1 false)
  %end = getelementptr inbounds i8, ptr %to, i64 %length
  store i8 0, ptr %end
  ret void
}"""

COPY_16 = """\
define internal void @text_copy_16(ptr %to, ptr %from, i64 %most) #1 {
entry:
  br label %head
head:
  %i = phi i64 [ 0, %entry ], [ %next, %more ]
  %inside = icmp ult i64 %i, %most
  br i1 %inside, label %look, label %done
look:
  %p = getelementptr inbounds i16, ptr %from, i64 %i
  %unit = load i16, ptr %p, align 1
  %end = icmp eq i16 %unit, 0
  br i1 %end, label %done, label %more
more:
  %next = add i64 %i, 1
  br label %head
done:
  %bytes = shl i64 %i, 1
  call void @llvm.memmove.p0.p0.i64(ptr %to, ptr %from, i64 %bytes, i1 false)
  %last = getelementptr inbounds i16, ptr %to, i64 %i
  store i16 0, ptr %last, align 1
  ret void
}"""
