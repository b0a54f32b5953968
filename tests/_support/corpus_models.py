"""What the programs of tests/corpus/parcels must come to, worked out in Python: by other ways where there are any.

Numbers in floating point are worked out in the same order as in the text, so that they are the same bit by bit.
"""

from __future__ import annotations

import base64
import datetime
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

Model = dict[str, object]
EPOCH = datetime.date(1970, 1, 1)
PANGRAM = b"The quick brown fox jumps over the lazy dog"


# ------------------------------------------------------------------------------------------------------- PRG_Sorter


@dataclass
class Belt:
    """Slot 0 first; a parcel is [number, target, whether it was weighed]."""

    slots: list[list[int] | None] = field(default_factory=lambda: [None] * 24)
    old: int = 65070
    moved: int = 0
    lost: int = 0
    rejected: int = 0
    entered: int = 0
    last: int = 0
    out: list[int] = field(default_factory=lambda: [0, 0, 0])
    pushed: list[int] = field(default_factory=lambda: [0, 0, 0])

    def move(self, encoder: int) -> None:
        while encoder - self.old >= 100:
            self.old, self.moved = self.old + 100, self.moved + 1
            leaving = self.slots.pop()
            if leaving is not None:
                self.rejected, self.last = self.rejected + 1, leaving[0]
            self.slots.insert(0, None)

    def enter(self, number: int) -> None:
        if self.slots[0] is None:
            self.slots[0], self.entered = [number, number % 3, 0], self.entered + 1
        else:
            self.lost += 1

    def weigh(self, weight_g: int) -> None:
        there = self.slots[3]
        if there is not None and not there[2]:
            there[1:] = [9 if weight_g > 900 else there[1], 1]

    def divert(self) -> None:
        for gate, place in enumerate((6, 12, 18)):
            there = self.slots[place]
            if there is not None and there[1] == gate:
                self.pushed[gate], self.slots[place] = there[0], None
                self.out[gate] += 1


def sorter(cycles: int) -> Model:
    """The belt, the alarms, the drive."""
    belt, number, position, diary, acknowledged = Belt(), 1000, 0, "", 0
    active, waiting = {101: False, 102: False}, set()
    for cycle in range(1, cycles + 1):
        belt.move(65000 + 70 * cycle)
        if cycle % 12 == 4:
            number += 1
            belt.enter(number)
        occupied = sum(slot is not None for slot in belt.slots)
        belt.weigh(number * 37 % 1000)
        belt.divert()
        position += -5 if cycle % 3 == 0 else 70
        for code, condition in ((101, occupied > 2), (102, belt.rejected > 3)):
            if condition != active[code]:
                active[code] = condition
                diary = (diary + ("+" if condition else "-") + str(code))[:160]
                waiting |= {code} if condition else set()
        if cycle % 100 == 0:
            acknowledged += len(waiting)
            waiting.clear()
    counts = {
        "Plant.stTotals.nIn": belt.entered,
        "Plant.stTotals.nRejected": belt.rejected,
        "Plant.stTotals.nLost": belt.lost,
        "PRG_Sorter.fbBelt.nMoved": belt.moved,
        "PRG_Sorter.fbBelt.stLast.nId": belt.last,
        "PRG_Sorter.fbBelt.stLast.sLabel": "checked" if belt.last % 50 == 0 else f"P{belt.last:06d}",
    }
    for gate in range(3):
        counts[f"Plant.stTotals.aOut[{gate + 1}]"] = belt.out[gate]
        counts[f"PRG_Sorter.aGates[{gate + 1}].nOpened"] = belt.out[gate]
        counts[f"PRG_Sorter.nPushed[{gate + 1}]"] = belt.pushed[gate]
    return counts | {
        "PRG_Sorter.fbDiary.sText": diary,
        "PRG_Sorter.nAcknowledged": acknowledged,
        "PRG_Sorter.fbDrive.uFrame.stFields.nPosition": position,
        "PRG_Sorter.fbDrive.nFaults": 0,
        "PRG_Sorter.nOnes": 3 if cycles % 3 == 0 else 2,
    }


# --------------------------------------------------------------------------------------------------------- PRG_Oven


@dataclass
class Oven:
    """Plant, controller and tuning at 5 ms."""

    value: float = 20.0
    inner: float = 20.0
    delay: list[float] = field(default_factory=lambda: [0.0] * 10)
    at: int = 0
    gain: float = 1.0
    reset: float = 1.0
    rate: float = 0.0
    integral: float = 0.0
    before: float = 20.0

    def plant(self, power: float) -> None:
        delayed, self.delay[self.at] = self.delay[self.at], power
        self.at = (self.at + 1) % 10
        self.inner = self.inner + 0.005 / 0.4 * (20 + 2.5 * delayed - self.inner)
        self.value = self.value + 0.005 / 0.1 * (self.inner - self.value)

    def control(self, goal: float, manual: float | None) -> float:
        error, slope = goal - self.value, (self.value - self.before) / 0.005
        self.before = self.value
        if manual is not None:
            self.integral = manual - self.gain * error
            return manual
        raw = self.gain * error + self.integral - self.gain * self.rate * slope
        power = min(max(0.0, raw), 100.0)
        if raw == power:
            self.integral = self.integral + self.gain / self.reset * error * 0.005
        return power


def tuning(oven: Oven) -> Iterator[float]:
    """The power of each cycle until the sixth crossing upwards; then the parameters are the oven's."""
    above, crossings, samples, first = False, 0, 0, 0
    most = least = oven.value
    while True:
        samples += 1
        if oven.value > 100 and not above:
            above, crossings = True, crossings + 1
            if crossings == 2:
                first, most, least = samples, oven.value, oven.value
        elif oven.value < 100 and above:
            above = False
        most, least = max(most, oven.value), min(least, oven.value)
        if crossings == 6:
            break
        yield 0.0 if above else 80.0
    period = (samples - first) * 0.005 / 4
    oven.gain = 0.3 * (4 * (80.0 / 2) / (3.14159265358979 * (most - least) / 2))
    oven.reset, oven.rate = max(period, 0.005), period / 8


@dataclass
class Sequence:
    """Heat to 120, soak for 400 ms, cool to 60; a step's goal is 30 again behind the first."""

    step: str = ""
    trace: str = ""
    goal: float = 30.0
    begun_ms: int = 0

    def go(self, step: str, now_ms: int) -> None:
        self.step, self.begun_ms = step, now_ms
        self.trace += f"{step}>" if step else "ok"
        self.goal = {"heat": 120.0, "soak": 30.0, "cool": 60.0}.get(step, self.goal)

    def run(self, value: float, now_ms: int) -> None:
        near = abs(value - {"heat": 120.0, "cool": 60.0}.get(self.step, 1e9)) < 1.5
        if near or (self.step == "soak" and now_ms - self.begun_ms >= 400):
            self.go({"heat": "soak", "soak": "cool", "cool": ""}[self.step], now_ms)


def oven(cycles: int) -> Model:
    """The whole of it: tuning, then the sequence."""
    it, sequence, done_at, power = Oven(), Sequence(), 0, 0.0
    tune = tuning(it)
    for cycle in range(1, cycles + 1):
        manual = next(tune, None)
        if manual is None:
            if not done_at:
                done_at = cycle
                sequence.go("heat", 5 * cycle)
            sequence.run(it.value, 5 * cycle)
        power = it.control(sequence.goal, manual)
        it.plant(power)
    return {
        "PRG_Oven.nDoneAt": done_at,
        "PRG_Oven.fbTune.fGain": it.gain,
        "PRG_Oven.fbTune.fPeriod_s": it.reset,
        "PRG_Oven.fbPlant.fTemperature": it.value,
        "PRG_Oven.fbControl.fPower": power,
        "PRG_Oven.fGoal": sequence.goal,
        "PRG_Oven.sTrace": sequence.trace,
        "PRG_Oven.fbSequence.bDone": sequence.trace.endswith("ok"),
        "PRG_Oven.sFirst": "glass;540;60000;100;100;100",  # 540.5 goes to the even one
        "PRG_Oven.nZonePower": 240,
        "PRG_Oven.bUnknown": True,
        "PRG_Oven.fbRecipes.nLoaded": 3,
        "PRG_Oven.fbRecipes.nRefused": 3,
        "PRG_Oven.fbRecipes.sFault": "too few fields",
        "Plant.sLastRecipe": "bread",
    }


# ------------------------------------------------------------------------------------------------------- PRG_Office


def easter(year: int) -> datetime.date:
    """Easter Sunday, by the anonymous algorithm (Nature, 1876)."""
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    g = (b - (b + 8) // 25 + 1) // 3
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, day = divmod(h + m - 7 * n + 114, 31)
    return datetime.date(year, month, day + 1)


def shift(now: datetime.datetime) -> int:
    if now.isoweekday() == 7 or now.date() == easter(now.year) + datetime.timedelta(days=1):
        return 0
    return 1 if 6 <= now.hour < 14 else 2 if 14 <= now.hour < 22 else 3


def office(cycles: int) -> Model:
    """Dates by Python's calendar, codes by its libraries, the reader and the ring by hand."""
    days = [EPOCH + datetime.timedelta(days=10950 + n) for n in range(100 * cycles)]
    begin = datetime.datetime(2024, 3, 29, 0, 30, tzinfo=datetime.UTC)
    shifts = [0, 0, 0, 0]
    for hour in range(24 * cycles):
        shifts[shift(begin + datetime.timedelta(hours=hour))] += 1
    records: list[bytes] = []
    refused, taken, command, good, bad = 0, b"", b"", 0, 0
    for cycle in range(1, cycles + 1):
        # the wrong sum of BAD and the cut off HALF are bad; STOP comes in three pieces, from the second cycle on
        if cycle % 4 == 0:
            good, command, bad = good + 1, b"MOVE", bad + 2
        elif cycle % 4 == 3:
            good, command = good + 1, b"STOP"
        line = command + str(cycle).encode()
        if sum(len(each) + 2 for each in records) + len(line) + 2 > 64:
            refused += 1
        else:
            records.append(line)
        if cycle % 3 == 0:
            taken = records.pop(0) if records else b""
    order = sorted((42, -7, 1999, 15, 3))
    return {
        "PRG_Office.bCalendarFits": True,
        "PRG_Office.nWeekSum": sum(day.isocalendar()[1] for day in days),
        "PRG_Office.nWeekdaySum": sum(day.isoweekday() * day.day for day in days),
        **{f"PRG_Office.aEaster[{year}]": (easter(year) - EPOCH).days for year in range(2024, 2031)},
        **{f"PRG_Office.aShifts[{number}]": shifts[number] for number in range(4)},
        "PRG_Office.fbReader.nGood": good,
        "PRG_Office.fbReader.nBad": bad,
        "PRG_Office.nMessages": good,
        "PRG_Office.fbRing.nRefused": refused,
        "PRG_Office.fbRing.nRecords": len(records),
        "PRG_Office.sTaken": taken.decode(),
        "PRG_Office.sOrder": " ".join(map(str, order)) + " <-7> <42> <1999> ",
        "PRG_Office.fBoxed": 2.5,
        **{f"PRG_Office.aBoxed[{n + 1}]": value for n, value in enumerate((True, False, True, False))},
        "PRG_Office.nWords": sum(n * n for n in range(1, 13)) - 9 + 1000,
        "PRG_Office.nUnknownWord": -1,
        "PRG_Office.nCrc": zlib.crc32(PANGRAM),
        "PRG_Office.sBase64": base64.b64encode(PANGRAM).decode(),
        "PRG_Office.nGrays": 256,
        "PRG_Office.uNumber.nDword": struct.unpack("<I", struct.pack("<f", -1.5))[0],
    }


# --------------------------------------------------------------------------------------------------- PRG_Laboratory


def noise(state: int) -> Iterator[int]:
    """The shift register with feedback."""
    while True:
        bit = (state ^ state >> 2 ^ state >> 3 ^ state >> 5) & 1
        state = state >> 1 | bit << 15
        yield state


def laboratory(cycles: int) -> Model:
    """Statistics as they come; matrices by hand: the system's solution is (-4, -5, 2), its determinant 1."""
    samples: list[float] = []
    kept: list[float] = []
    register, median_sum = noise(0x1D0F), 0.0
    for cycle in range(1, cycles + 1):
        value = 10 + next(register) / 65536.0 * 20
        samples.append(-1000.0 if cycle % 7 == 0 else value)
        window = sorted(samples[-5:])
        median_sum += window[(len(window) + 1) // 2 - 1]
        if cycle > 5:
            kept.append(window[2])
    mean = squares = smooth = 0.0
    for number, value in enumerate(kept, 1):
        before = value - mean
        mean = mean + before / number
        squares = squares + before * (value - mean)
        smooth = value if number == 1 else smooth + 0.25 * (value - smooth)
    bins = [-1 if value < 10 else min(int((value - 10) / 2.5), 8) for value in kept]
    return {
        "PRG_Laboratory.fMedianSum": median_sum,
        "PRG_Laboratory.fbLengths.fMean": mean,
        "PRG_Laboratory.fVariance": squares / (len(kept) - 1),
        "PRG_Laboratory.fbLengths.fSmooth": smooth,
        "PRG_Laboratory.fbLengths.fMost": max(kept),
        "PRG_Laboratory.fbLengths.fLeast": min(kept),
        **{f"PRG_Laboratory.fbLengths.aHistogram[{bin_}]": bins.count(bin_) for bin_ in range(-1, 9)},
        **_matrices(),
        "PRG_Laboratory.fDynamicSum": 22.5 * cycles,
        "PRG_Laboratory.nCaught": cycles // 4,
    }


def _matrices() -> Model:
    product = {(0, 0): 58.0, (0, 1): 139.0, (1, 0): 64.0, (1, 1): 154.0}  # transposed behind the product
    flags = {"bFits": True, "bWrongFits": False, "bSolved": True, "bSingular": True, "bSquare": True, "bOblong": False}
    return {f"PRG_Laboratory.aProduct[{i},{j}]": value for (i, j), value in product.items()} | {
        f"PRG_Laboratory.{name}": value for name, value in flags.items()
    }
