"""What else Tc2_System, Tc2_Utilities and Tc2_Math offer."""

from __future__ import annotations

import datetime
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plc_calls import call, worth
from plc_run import run_st

NARROW = st.text(st.characters(codec="cp1252", exclude_characters="\0"), max_size=60)
EPOCH = datetime.date(1970, 1, 1)
NO_ADDRESS = ".".join("0000")
WALL_100NS = 116_444_736_000_000_000
"""1970 in units of 100 ns since 1601."""


def test_memory() -> None:
    """Copied, filled, compared; an address that is none does nothing."""
    text = """PROGRAM MAIN
VAR a : ARRAY[0..3] OF BYTE := [1, 2, 3, 4]; b : ARRAY[0..3] OF BYTE; c, d, e : UDINT; x, y, z : DINT; END_VAR
c := MEMCPY(ADR(b), ADR(a), 3);
x := MEMCMP(ADR(a), ADR(b), 3);
y := MEMCMP(ADR(a), ADR(b), 4);
d := MEMSET(ADR(b[1]), 16#FF, 2);
MEMMOVE(ADR(a[1]), ADR(a[0]), 3);
e := MEMCPY(0, ADR(a), 3);
z := MEMCMP(ADR(a), 0, 1);
END_PROGRAM"""
    names = [*(f"MAIN.a[{at}]" for at in range(4)), *(f"MAIN.b[{at}]" for at in range(4))]
    names += [f"MAIN.{name}" for name in "cdexyz"]
    seen = run_st(text, names)
    assert [seen[name][0] for name in names] == [1, 1, 2, 3, 1, 255, 255, 0, 3, 2, 0, 0, 1, 255]


def test_single_bits() -> None:
    """Of a DWORD by number."""
    wanted = {
        "SETBIT32(0, 31)": 2**31,
        "CLEARBIT32(16#FF, 0)": 0xFE,
        "CSETBIT32(0, 4, TRUE)": 16,
        "CSETBIT32(16#1F, 4, FALSE)": 15,
        "SEL(GETBIT32(4, 2), DWORD#0, DWORD#1)": 1,
        "SEL(GETBIT32(4, 3), DWORD#0, DWORD#1)": 0,
    }
    assert dict(zip(wanted, worth("DWORD", *wanted), strict=True)) == wanted


def test_tasks_and_clocks() -> None:
    """The task's number, and the time since 1601 in 100 ns."""
    text = """PROGRAM MAIN
VAR f : GETCURTASKINDEX; g : GETSYSTEMTIME; p : GETCPUCOUNTER; n : DINT; t : ULINT; m : BOOL; once : BOOL; END_VAR
f();
g();
p();
n := GETCURTASKINDEXEX();
t := F_GetSystemTime() - F_GetTaskTime();
once := TestAndSet(m);
END_PROGRAM"""
    names = ["f.index", "n", "t", "g.timeHiDW", "once"]
    seen = run_st(text, [f"MAIN.{name}" for name in names], 2)
    assert [seen[f"MAIN.{name}"] for name in names] == [[1, 1], [1, 1], [0, 0], [WALL_100NS >> 32] * 2, [True, False]]


def test_addresses_of_networks() -> None:
    """Bytes to texts and back; what is none is all zeros."""
    wanted = {
        "F_CreateIPv4Addr(F_ScanIPv4AddrIds('192.168.0.255'))": "192.168.0.255",
        "F_CreateAmsNetId(F_ScanAmsNetIds('5.80.201.232.1.1'))": "5.80.201.232.1.1",
        "F_CreateIPv4Addr(F_ScanIPv4AddrIds('192.168.0.256'))": NO_ADDRESS,
        "F_CreateIPv4Addr(F_ScanIPv4AddrIds('1.2.3'))": NO_ADDRESS,
        "F_CreateIPv4Addr(F_ScanIPv4AddrIds('1..2.3'))": NO_ADDRESS,
        "F_CreateIPv4Addr(F_ScanIPv4AddrIds('1.2.3.4x'))": NO_ADDRESS,
        "F_ToCHR(F_ToASC('xyz'))": "x",
    }
    assert dict(zip(wanted, worth("STRING", *wanted), strict=True)) == wanted


def test_versions_compare() -> None:
    """Part by part."""
    text = """PROGRAM MAIN
VAR v : ST_LibVersion := (iMajor := 3, iMinor := 2, iBuild := 1, iRevision := 0); a, b, c : DINT; END_VAR
a := F_CmpLibVersion(v, 3, 2, 1, 0);
b := F_CmpLibVersion(v, 3, 3, 0, 0);
c := F_CmpLibVersion(v, 3, 1, 9, 9);
END_PROGRAM"""
    seen = run_st(text, ["MAIN.a", "MAIN.b", "MAIN.c"])
    assert list(seen.values()) == [[0], [-1], [1]]


@given(NARROW)
def test_letters_and_blanks(text: str) -> None:
    """Every letter that has its other case in Windows-1252, and blanks at either end."""
    inputs = {"v": "STRING(255)"}
    latin = "".join(char for char in text if ord(char) < 0x100)
    upper = "".join(char.upper() if char not in "ßµÿ" else char for char in latin)
    assert call("F_ToUCase(v)", "STRING(255)", inputs, v=latin) == upper
    assert call("F_ToLCase(v)", "STRING(255)", inputs, v=latin) == latin.lower()
    assert call("F_LTrim(v)", "STRING(255)", inputs, v=text) == text.lstrip(" ")
    assert call("F_RTrim(v)", "STRING(255)", inputs, v=text) == text.rstrip(" ")


@given(NARROW, NARROW.map(lambda text: text[:2]), NARROW.map(lambda text: text[:4]))
def test_finding_with_replacing(text: str, old: str, new: str) -> None:
    """All places from left to right, none twice."""
    inputs = {"a": "STRING(255)", "b": "STRING(255)", "c": "STRING(255)", "d": "STRING(255)"}
    expression = "SEL(FindAndReplace(ADR(a), ADR(b), ADR(c), ADR(d), SIZEOF(d)) = 99, d, '')"
    assert call(expression, "STRING(255)", inputs, a=text, b=old, c=new) == (text.replace(old, new) if old else text)
    assert call("FIND2(ADR(a), ADR(b))", "UDINT", inputs, a=text, b=old) == (text.find(old) + 1 if old else 0)
    assert call("LEN2(ADR(a))", "UDINT", inputs, a=text) == len(text)


def test_splitting_and_joining_by_address() -> None:
    """From either side; what does not fit is refused, or cut."""
    text = """PROGRAM MAIN
VAR s : STRING := 'a/b/c'; sep : STRING := '/'; l, r, l2, r2 : STRING; small : STRING(1); j : STRING(6);
    ok, ok2, ok3, ok4, ok5 : BOOL; END_VAR
ok := FindAndSplit(ADR(sep), ADR(s), ADR(l), SIZEOF(l), ADR(r), SIZEOF(r), FALSE);
ok2 := FindAndSplit(ADR(sep), ADR(s), ADR(l2), SIZEOF(l2), ADR(r2), SIZEOF(r2), TRUE);
ok3 := FindAndSplit(ADR(sep), ADR(s), ADR(small), SIZEOF(small), ADR(small), SIZEOF(small), FALSE);
ok4 := FindAndSplit(ADR(s), ADR(sep), ADR(l), SIZEOF(l), ADR(r), SIZEOF(r), FALSE);
ok5 := CONCAT2(ADR(s), ADR(s), ADR(j), SIZEOF(j));
END_PROGRAM"""
    names = ["ok", "l", "r", "ok2", "l2", "r2", "ok3", "ok4", "ok5", "j"]
    seen = run_st(text, [f"MAIN.{name}" for name in names])
    assert [value for (value,) in seen.values()] == [True, "a", "b/c", True, "a/b", "c", False, False, False, "a/b/ca"]


@given(st.integers(0, 2**32 - 1))
def test_structured_times(seconds: int) -> None:
    """There and back, as texts and as file times, and their place in the year."""
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    one = {"v": "DT"}
    assert call("SYSTEMTIME_TO_DT(DT_TO_SYSTEMTIME(v))", "DT", one, v=seconds) == seconds
    text = f"{moment:%Y-%m-%d-%H:%M:%S}.000"
    assert call("SYSTEMTIME_TO_STRING(DT_TO_SYSTEMTIME(v))", "STRING", one, v=seconds) == text
    assert call("SYSTEMTIME_TO_DT(STRING_TO_SYSTEMTIME(v))", "DT", {"v": "STRING(24)"}, v=text) == seconds
    assert call("DT_TO_FILETIME64(v)", "ULINT", one, v=seconds) == seconds * 10**7 + WALL_100NS
    assert call("FILETIME_TO_DT(DT_TO_FILETIME(v))", "DT", one, v=seconds) == seconds
    assert call("F_GetDayOfWeek(v)", "WORD", one, v=seconds) == moment.isoweekday()
    assert call("F_GetWeekOfTheYear(DT_TO_SYSTEMTIME(v))", "WORD", one, v=seconds) == moment.isocalendar().week


@given(st.dates(EPOCH, datetime.date(2500, 12, 31)))
def test_days_of_the_year(day: datetime.date) -> None:
    """Their number, and the month that a number lies in."""
    number = day.timetuple().tm_yday
    inputs = {"y": "WORD", "m": "WORD", "d": "WORD"}
    values = {"y": day.year, "m": day.month, "d": day.day}
    assert call("F_GetDOYOfYearMonthDay(y, m, d)", "WORD", inputs, **values) == number
    assert call("F_GetMonthOfDOY(y, m)", "WORD", inputs, y=day.year, m=number) == day.month


def test_leap_years_and_months() -> None:
    """Every fourth but not every hundredth year, except every four hundredth."""
    assert worth("BOOL", *(f"F_YearIsLeapYear({year})" for year in (2023, 2024, 2100, 2000))) == [
        False,
        True,
        False,
        True,
    ]
    assert worth("WORD", *(f"F_GetMaxMonthDays(2024, {month})" for month in (0, 1, 2, 4, 12, 13))) == [
        0,
        31,
        29,
        30,
        31,
        0,
    ]


@given(st.integers(0, 99_999_999))
def test_bcd(value: int) -> None:
    """Eight decimal digits in four bits each."""
    assert call("DINT_TO_BCD(v)", "DWORD", {"v": "DINT"}, v=value) == int(str(value), 16)
    assert call("BCD_TO_DINT(v)", "DINT", {"v": "DWORD"}, v=int(str(value), 16)) == value


@given(st.integers(0, 2**64 - 1))
def test_byte_order(value: int) -> None:
    """The other way round."""
    for bits, kind in ((16, "WORD"), (32, "DWORD"), (64, "LWORD")):
        part = value % 2**bits
        wanted = int.from_bytes(part.to_bytes(bits // 8, "little"), "big")
        assert call(f"HOST_TO_BE{bits}(v)", kind, {"v": kind}, v=part) == wanted
        assert call(f"BE{bits}_TO_HOST(v)", kind, {"v": kind}, v=wanted) == part


def test_codes() -> None:
    """Sums, hexadecimal data, angles."""
    text = """PROGRAM MAIN
VAR a : ARRAY[0..3] OF BYTE := [16#DE, 16#AD, 16#0B, 16#EF]; b : ARRAY[0..3] OF BYTE; h, g : STRING;
    n, m : UDINT; s : WORD; x, y : LREAL; r : REAL; END_VAR
s := F_CheckSum16(ADR(a), 4, 16#FF00);
h := DATA_TO_HEXSTR(ADR(a), 4, FALSE);
n := HEXSTR_TO_DATA('dead 0BEF', ADR(b), 4);
m := HEXSTR_TO_DATA('dead 0BE', ADR(b), 4);
g := DATA_TO_HEXSTR(ADR(b), 4, TRUE);
x := DEG_TO_RAD(180.0);
y := RAD_TO_DEG(x);
r := F_SwapReal(F_SwapReal(1.5));
END_PROGRAM"""
    names = ["s", "h", "n", "m", "g", "x", "y", "r"]
    seen = [value for (value,) in run_st(text, [f"MAIN.{name}" for name in names]).values()]
    assert seen == [
        (0xFF00 + 0xDE + 0xAD + 0x0B + 0xEF) % 2**16,
        "DE AD 0B EF",
        4,
        0,
        "de ad 0b ef",
        math.pi,
        180.0,
        1.5,
    ]


@pytest.mark.parametrize(
    ("value", "is_nan", "is_finite"),
    [(1.0, False, True), (math.inf, False, False), (-math.inf, False, False), (math.nan, True, False)],
)
def test_whether_a_number_is_one(value: float, is_nan: bool, is_finite: bool) -> None:
    """NaN and the infinities."""
    assert call("LrealIsNaN(v)", "BOOL", {"v": "LREAL"}, v=value) is is_nan
    assert call("LrealIsFinite(v)", "BOOL", {"v": "LREAL"}, v=value) is is_finite


@given(st.floats(-1e9, 1e9), st.floats(0.001, 1e6))
def test_whole_parts_and_remainders(value: float, turn: float) -> None:
    """As Python's math has them; a position on a turn is never negative."""
    one, two = {"v": "LREAL"}, {"v": "LREAL", "t": "LREAL"}
    assert call("LTRUNC(v)", "LREAL", one, v=value) == math.trunc(value)
    assert call("FRAC(v)", "LREAL", one, v=value) == math.modf(value)[0]
    assert call("FLOOR(v)", "LREAL", one, v=value) == math.floor(value)
    assert call("LMOD(v, t)", "LREAL", two, v=value, t=turn) == math.fmod(value, turn)
    rest = math.fmod(value, turn)
    assert call("MODABS(v, t)", "LREAL", two, v=value, t=turn) == (rest + turn if rest < 0 else rest)
    assert call("ATAN2(v, t)", "LREAL", two, v=value, t=turn) == pytest.approx(math.atan2(value, turn), rel=1e-15)


def test_a_pid_follows_its_difference_equation() -> None:
    """P, I by the trapezoid rule, D with its damping; reset and wrong parameters give 0."""
    text = """PROGRAM MAIN
VAR c : FB_BasicPID; w : LREAL := 1.0; x : LREAL; rst : BOOL; dt : LREAL := 0.01; END_VAR
c(fSetpointValue := w, fActualValue := x, bReset := rst, fCtrlCycleTime := dt,
    fKp := 2.0, fTn := 0.5, fTv := 0.1, fTd := 0.02);
x := x + (c.fCtrlOutput - x) * 0.05;
END_PROGRAM"""
    seen = run_st(text, ["MAIN.c.fCtrlOutput"], 60, inputs={"MAIN.rst": [False] * 50 + [True] * 10})
    before = integral = derivative = x = 0.0
    for cycle in range(50):
        error = 1.0 - x
        integral += (error + before) * 0.5 * 0.01 / 0.5
        derivative = ((2 * 0.02 - 0.01) * derivative + 2 * 0.1 * (error - before)) / (2 * 0.02 + 0.01)
        before = error
        output = 2.0 * (error + integral + derivative)
        x += (output - x) * 0.05
        assert seen["MAIN.c.fCtrlOutput"][cycle] == pytest.approx(output, rel=1e-12)
    assert seen["MAIN.c.fCtrlOutput"][50:] == [0.0] * 10
    wrong = run_st(text.replace("0.01", "0.0"), ["MAIN.c.fCtrlOutput", "MAIN.c.nErrorStatus"])
    assert wrong == {"MAIN.c.fCtrlOutput": [0.0], "MAIN.c.nErrorStatus": [2]}


def test_a_profiler_knows_the_longest_and_shortest_run() -> None:
    """Runs are counted by their falling edge; a reset forgets them."""
    text = """PROGRAM MAIN
VAR p : PROFILER; i : DINT; r : BOOL; ok : BOOL; END_VAR
p(START := TRUE, RESET := FALSE);
FOR i := 1 TO 200_000 DO r := NOT r; END_FOR
p(START := FALSE);
ok := p.DATA.MinExecTime <= p.DATA.AverageExecTime AND p.DATA.AverageExecTime <= p.DATA.MaxExecTime AND NOT p.BUSY;
END_PROGRAM"""
    assert run_st(text, ["MAIN.ok"], 3) == {"MAIN.ok": [True] * 3}


def test_an_application_knows_its_task() -> None:
    """Cycles are counted, and the first is known, where __TASK_BEGIN is called."""
    text = """PROGRAM MAIN
VAR n : UDINT; first : BOOL; time : UDINT; i : GETCURTASKINDEX; END_VAR
__TASK_BEGIN();
i();
n := TwinCAT_SystemInfoVarList._TaskInfo[i.index].CycleCount;
first := TwinCAT_SystemInfoVarList._TaskInfo[i.index].FirstCycle;
END_PROGRAM"""
    seen = run_st(text, ["MAIN.n", "MAIN.first"], 3)
    counts = [int(str(value)) for value in seen["MAIN.n"]]
    assert [count - counts[0] for count in counts] == [0, 1, 2]
    assert seen["MAIN.first"] == [True, False, False]
