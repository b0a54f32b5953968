"""What moves simulated variables."""

from __future__ import annotations

import pytest
from build_iec import BOOL, BYTE, INT, LREAL, MODE, POINT, REAL, TIME
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ads.simulate.generators import Constant, Counter, Playback, Ramp, Random, Sine, Toggle, fit, range_of
from dinrail.ads.simulate.options import Faults, generator
from dinrail.errors import BadRequest
from dinrail.iec.types import AliasType, IecType, StringType
from dinrail.iec.value import encode
from dinrail.units import MS_NS, S_NS

FILES = {
    "good.csv": "time_s,value,other\n0,1,a\n0.5,2,b\n1,3,c\n",
    "bad.csv": "time_s,value\n0,1\nx,2\n0.5,99999\n0.2,4\n",
    "empty.csv": "time_s,value\n",
}


def read_text(name: str) -> str:
    if name not in FILES:
        raise BadRequest(f"there is no {name}")
    return FILES[name]


def made(given: object, kind: IecType) -> tuple[object, Faults]:
    faults: Faults = []
    return generator(given, kind, "symbols.x", faults, read_text, 10 * MS_NS), faults


def test_a_counter_goes_round_in_both_directions() -> None:
    """It counts from its first to its last number and around, up or down."""
    up = Counter(5, 7, 1, S_NS)
    assert [up.at(n * S_NS) for n in range(5)] == [5, 6, 7, 5, 6]
    down = Counter(5, 7, -1, S_NS)
    assert [down.at(n * S_NS) for n in range(5)] == [7, 6, 5, 7, 6]
    assert up.at(S_NS - 1) == 5


def test_ramp_sine_and_toggle_have_their_shapes() -> None:
    """A ramp rises and falls back, a sine starts in the middle and rises, a toggle is FALSE first."""
    ramp = Ramp(0, 10, S_NS)
    assert [ramp.at(n * S_NS // 4) for n in range(5)] == [0, 2.5, 5, 7.5, 0]
    sine = Sine(-2, 4, S_NS)
    assert [round(sine.at(n * S_NS // 4), 9) for n in range(4)] == [1, 4, 1, -2]
    assert round(Sine(-2, 4, S_NS, 0.25).at(0), 9) == 4
    toggle = Toggle(S_NS)
    assert [toggle.at(n * S_NS // 4) for n in range(5)] == [False, False, True, True, False]


def test_random_numbers_are_the_same_in_every_run() -> None:
    """The same seed gives the same numbers, another seed others; they change at their time and keep their range."""
    first, again, other = Random(-1, 1, S_NS, 7), Random(-1, 1, S_NS, 7), Random(-1, 1, S_NS, 8)
    numbers = [first.at(n * S_NS) for n in range(1000)]
    assert numbers == [again.at(n * S_NS) for n in range(1000)]
    assert numbers != [other.at(n * S_NS) for n in range(1000)]
    assert first.at(0) == first.at(S_NS - 1) != first.at(S_NS)
    assert all(-1 <= number <= 1 for number in numbers)
    assert abs(sum(numbers)) / 1000 < 0.1
    assert len(set(numbers)) == 1000


def test_a_playback_holds_each_value_until_the_next() -> None:
    """Before its first time the first value holds, behind its last the last one, or it begins again."""
    once = Playback((10, 20, 30), ("a", "b", "c"))
    assert [once.at(t) for t in (0, 10, 19, 20, 30, 1000)] == ["a", "a", "a", "b", "c", "c"]
    again = Playback((10, 20, 30), ("a", "b", "c"), loop_ns=40)
    assert [again.at(t) for t in (39, 40, 59, 60)] == ["c", "a", "a", "b"]


@given(
    st.sampled_from([INT, BYTE, REAL, LREAL, BOOL, TIME, MODE, AliasType("T", INT)]),
    st.one_of(st.integers(), st.floats(allow_nan=False)),
)
def test_any_number_fits_its_variable(kind: IecType, number: float) -> None:
    """Whatever number a generator gives, it can be written: rounded, and kept in the type's range."""
    assert len(encode(kind, fit(kind, number))) == kind.size_bytes


@pytest.mark.parametrize("kind", [REAL, LREAL])
def test_a_generator_may_use_the_whole_range(kind: IecType) -> None:
    """From one end of REAL or LREAL to the other every number can still be written."""
    bounds = range_of(kind)
    assert bounds is not None
    for one in (Ramp(*bounds, S_NS), Sine(*bounds, S_NS), Random(*bounds, S_NS)):
        for at in range(0, S_NS, S_NS // 50):
            assert len(encode(kind, fit(kind, one.at(at)))) == kind.size_bytes


def test_only_types_with_numbers_have_a_range() -> None:
    """Structures and texts have none; BOOL is 0 to 1, REAL everything."""
    assert range_of(POINT) is None
    assert range_of(StringType(4)) is None
    assert range_of(BOOL) == (0, 1)
    assert range_of(REAL) == (-3.4028234663852886e38, 3.4028234663852886e38)
    assert range_of(MODE) == (-32768, 32767)


@pytest.mark.parametrize(
    ("given", "kind", "expected"),
    [
        ("counter", BYTE, Counter(0, 255, 1, 10 * MS_NS)),
        ("counter", INT, Counter(-32768, 32767, 1, 10 * MS_NS)),
        ({"kind": "counter", "low": 1, "high": 3, "step": -1, "every_ms": 100}, INT, Counter(1, 3, -1, 100 * MS_NS)),
        ("sine low=-5 high=5 period_s=2 phase=0.5", REAL, Sine(-5, 5, 2 * S_NS, 0.5)),
        ("ramp", LREAL, Ramp(0, 100, S_NS)),
        ({"kind": "toggle", "period_s": 0.5}, BOOL, Toggle(S_NS // 2)),
        ("random seed=3 low=0 high=9", INT, Random(0, 9, 10 * MS_NS, 3)),
        ({"kind": "constant", "value": {"x": 1, "y": 2}}, POINT, Constant(b"\1\0\2\0")),
        ("constant value=16#FF", BYTE, Constant(b"\xff")),
        ("csv file=good.csv", BYTE, Playback((0, S_NS // 2, S_NS), (b"\1", b"\2", b"\3"), 3 * S_NS // 2)),
        (
            "csv file=good.csv column=other loop=false",
            StringType(1),
            Playback((0, S_NS // 2, S_NS), (b"a\0", b"b\0", b"c\0")),
        ),
    ],
)
def test_a_description_makes_its_generator(given: object, kind: IecType, expected: object) -> None:
    """Tables and lines say the same; what is left out follows from the type and the cycle."""
    assert made(given, kind) == (expected, [])


@pytest.mark.parametrize(
    ("given", "kind", "says"),
    [
        (5, INT, "a generator is a table"),
        ("", INT, "'' is no generator; there are: constant, counter"),
        ("wave", INT, "'wave' is no generator"),
        ("sine lw=5", INT, "lw is not known here"),
        ("sine low=x", INT, "low has to be a number"),
        ("sine low=5 high=1", INT, "low first"),
        ("ramp high=300", BYTE, "in the range of BYTE"),
        ("ramp high=inf", REAL, "low first"),
        ("sine", StringType(5), "a STRING(5) is no number"),
        ("toggle", INT, "a INT is no BOOL"),
        ("counter step=0", INT, "step must not be 0"),
        ("counter step=1.5", INT, "step has to be a whole number"),
        ("sine period_s=0", INT, "period_s has to be a number from 1e-06"),
        ("constant value=x", INT, "'x' is no INT"),
        ("csv file=nope.csv", INT, "there is no nope.csv"),
        ("csv file=good.csv column=z", INT, "no columns 'time_s' and 'z'"),
        ("csv file=empty.csv", INT, "no rows"),
        ("csv file=good.csv loop=perhaps", INT, "loop has to be true or false"),
    ],
)
def test_what_is_wrong_with_a_generator_is_told_with_its_place(given: object, kind: IecType, says: str) -> None:
    """Each mistake gives no generator and a line that begins with the place."""
    one, faults = made(given, kind)
    assert one is None
    assert any(fault.startswith("symbols.x") and says in fault for fault in faults), faults


def test_every_row_of_a_csv_file_that_is_wrong_is_told() -> None:
    """All faulty lines are told at once, with file and line."""
    _, faults = made("csv file=bad.csv", INT)
    assert [fault.partition(": ")[2][:18] for fault in faults] == [
        "bad.csv, line 3: '",
        "bad.csv, line 4: 9",
        "bad.csv, line 5: t",
        "bad.csv has no row",
    ]
