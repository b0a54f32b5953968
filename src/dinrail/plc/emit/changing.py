"""What an online change does to an instance, as FB_Init, FB_Exit and FB_Reinit ask: see control.context, CHANGES."""

from __future__ import annotations

from dinrail.control import context

CHANGE_OF = f"""\
define internal i32 @dinrail_change_of(ptr %ctx, i64 %address) #4 {{
entry:
  %where = getelementptr i8, ptr %ctx, i64 {context.CHANGES}
  %table = load ptr, ptr %where
  %none = icmp eq ptr %table, null
  br i1 %none, label %ordinary, label %begin
begin:
  %first = load i64, ptr %table
  %plast = getelementptr i8, ptr %table, i64 8
  %last = load i64, ptr %plast
  %size = sub i64 %last, %first
  %distance = sub i64 %address, %first
  %inside = icmp ult i64 %distance, %size
  %pcount = getelementptr i8, ptr %table, i64 16
  %count = load i64, ptr %pcount
  %rows = getelementptr i8, ptr %table, i64 24
  br i1 %inside, label %search, label %ordinary
search:
  %low = phi i64 [ 0, %begin ], [ %low.next, %step ]
  %high = phi i64 [ %count, %begin ], [ %high.next, %step ]
  %done = icmp uge i64 %low, %high
  br i1 %done, label %stays, label %look
look:
  %sum = add i64 %low, %high
  %middle = lshr i64 %sum, 1
  %offset = shl i64 %middle, 4
  %row = getelementptr i8, ptr %rows, i64 %offset
  %there = load i64, ptr %row
  %found = icmp eq i64 %there, %address
  br i1 %found, label %told, label %step
step:
  %below = icmp ult i64 %there, %address
  %behind = add i64 %middle, 1
  %low.next = select i1 %below, i64 %behind, i64 %low
  %high.next = select i1 %below, i64 %high, i64 %middle
  br label %search
told:
  %at = getelementptr i8, ptr %row, i64 8
  %kind = load i64, ptr %at
  %answer = trunc i64 %kind to i32
  ret i32 %answer
stays:
  ret i32 {context.STAYS}
ordinary:
  ret i32 0
}}"""
"""0: no online change, or an instance that no data hold (made by __NEW, a local)."""
