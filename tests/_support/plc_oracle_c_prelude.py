"""The second oracle, C: what every written program begins with. Addresses are uint64_t; BOOL is a uint8_t 0 or 1."""

from __future__ import annotations

from dinrail.plc.core.program import Fault

PRELUDE = r"""
#define _GNU_SOURCE
#include <stdint.h>
#include <string.h>
#include <setjmp.h>
#include <math.h>
typedef uint64_t A;
typedef float f32; typedef double f64;
typedef int8_t i8; typedef int16_t i16; typedef int32_t i32; typedef int64_t i64;
typedef uint8_t u8; typedef uint16_t u16; typedef uint32_t u32; typedef uint64_t u64;
#define ACCESS(T) \
    static inline T ld_##T(A a) { T v; memcpy(&v, (void *)a, sizeof v); return v; } \
    static inline void st_##T(A a, T v) { memcpy((void *)a, &v, sizeof v); }
ACCESS(i8) ACCESS(i16) ACCESS(i32) ACCESS(i64) ACCESS(u8) ACCESS(u16) ACCESS(u32) ACCESS(u64) ACCESS(f32) ACCESS(f64)
static inline u8 ld_bit(A a, int bit) { return *(u8 *)a >> bit & 1; }
static inline void st_bit(A a, int bit, u8 v) { *(u8 *)a = (u8)((*(u8 *)a & ~(1 << bit)) | v << bit); }

struct clock { u64 cycle_ns, task_time_ns, wall_time_ns, cycle_count; i32 task_index; u8 first_cycle; } oracle_clock;
u64 fault_at; i64 fault_values[3];
static jmp_buf *handler;
static __attribute__((noreturn)) void fault(int code, u64 at, i64 a, i64 b, i64 c) {
    fault_at = at; fault_values[0] = a; fault_values[1] = b; fault_values[2] = c;
    longjmp(*handler, code);
}
static __attribute__((noreturn)) void wild(void) { __builtin_trap(); }
static inline A checked(A a, u64 at) { if (a < 4096) fault(NULL_CODE, at, 0, 0, 0); return a; }
static inline void bounds(i64 i, i64 low, i64 high, u64 at) {
    if (i < low || i > high) fault(BOUNDS_CODE, at, i, low, high);
}

static i64 to_signed(f64 v) {
    if (v != v) return 0;
    v = roundeven(v);
    if (v >= 9223372036854775808.0) return INT64_MAX;
    if (v < -9223372036854775808.0) return INT64_MIN;
    return (i64)v;
}
static u64 to_unsigned(f64 v) {
    if (!(v > 0)) return 0;
    v = roundeven(v);
    return v >= 18446744073709551616.0 ? UINT64_MAX : (u64)v;
}
static u32 unit(A a, i64 n, int wide) { return wide ? ld_u16(a + 2 * n) : ld_u8(a + n); }
static i64 length(A a, i64 room, int wide) { i64 n = 0; while (n < room && unit(a, n, wide)) n++; return n; }
static int compare_text(A a, i64 room_a, A b, i64 room_b, int wide) {
    for (i64 n = 0;; n++) {
        u32 x = n < room_a ? unit(a, n, wide) : 0, y = n < room_b ? unit(b, n, wide) : 0;
        if (x != y) return x < y ? -1 : 1;
        if (!x) return 0;
    }
}
static void copy_text(A to, i64 room_to, A from, i64 room_from, int wide) {
    i64 n = length(from, room_from, wide);
    if (n > room_to - 1) n = room_to - 1;
    memmove((void *)to, (void *)from, n << wide);
    memset((void *)(to + (n << wide)), 0, 1 << wide);
}
static int compare_memory(A a, A b, u64 n) { int c = memcmp((void *)a, (void *)b, n); return (c > 0) - (c < 0); }

static __attribute__((aligned(16))) u8 heap[1 << 20];
static u64 heap_top, heap_at[65536 / 16], heap_count;
static A allocate(u64 n) {
    n = (n + 15) / 16 * 16;
    if (n > sizeof heap || heap_top + n > sizeof heap || heap_count == sizeof heap_at / 8) return 0;
    A a = (A)heap + heap_top;
    heap_top += n;
    heap_at[heap_count++] = a;
    return a;
}
static u8 release(A a) {
    for (u64 n = 0; n < heap_count; n++) if (a && heap_at[n] == a) { heap_at[n] = 0; return 1; }
    return 0;
}
"""

OPERATORS = r"""
#define INTEGER(T, U, BITS) \
    static inline T shl_##T(T l, T r) { return (u64)(i64)r < BITS ? (T)((U)l << r) : 0; } \
    static inline T shr_##T(T l, T r) { return (u64)(i64)r < BITS ? (T)((U)l >> r) : 0; } \
    static inline T rol_##T(T l, T r) { \
        U v = (U)l; int n = (int)((U)r & (BITS - 1)); return (T)(U)(n ? (U)(v << n) | (U)(v >> (BITS - n)) : v); } \
    static inline T ror_##T(T l, T r) { \
        U v = (U)l; int n = (int)((U)r & (BITS - 1)); return (T)(U)(n ? (U)(v >> n) | (U)(v << (BITS - n)) : v); } \
    static inline T div_##T(T l, T r) { return r == 0 ? 0 : (T)-1 < 0 && r == (T)-1 ? (T)(0 - (U)l) : (T)(l / r); } \
    static inline T mod_##T(T l, T r) { return r == 0 || ((T)-1 < 0 && r == (T)-1) ? 0 : (T)(l % r); }
INTEGER(i8, u8, 8) INTEGER(i16, u16, 16) INTEGER(i32, u32, 32) INTEGER(i64, u64, 64)
INTEGER(u8, u8, 8) INTEGER(u16, u16, 16) INTEGER(u32, u32, 32) INTEGER(u64, u64, 64)
"""


def prelude() -> str:
    """The text, with the faults' numbers in it."""
    text = PRELUDE.replace("NULL_CODE", str(int(Fault.NULL))).replace("BOUNDS_CODE", str(int(Fault.BOUNDS)))
    return text + OPERATORS
