"""The ADS benchmark: all contenders up at once, figures in interleaved rounds, a table, the goals beside it."""

from __future__ import annotations

import contextlib
import importlib.util
import time
from pathlib import Path

from tools.bench.ads import measure
from tools.bench.ads.measure import CLIENTS, RATE, SAMPLE_LOADS, clients
from tools.bench.ads.results import Goal, Results
from tools.bench.ads.servers import LOOPS, contenders, pinned

SHORT_REQUESTS, LONG_REQUESTS = 200_000, 1_000_000
_SAMPLES_WANTED = 500_000


def ads(rounds: int, *, long: bool = False, json_file: Path | None = None) -> None:
    """Measure and print; `json_file` gets all values. long: memory over a million requests."""
    missing = [name for name in ("pyads", "uvloop") if importlib.util.find_spec(name) is None]
    if missing:
        print(f"\nADS: skipped, {' and '.join(missing)} not installed")
        return
    results = Results()
    begun_s = time.monotonic()
    with pinned() as apart, contenders() as servers, contextlib.ExitStack() as stack:
        print(f"\nADS: {rounds} rounds; servers and clients on {'CPUs of their own' if apart else 'the same CPU'}")
        names = ("pyads advanced", *(f"ours {loop}" for loop in LOOPS))
        pyads = {name: stack.enter_context(measure.pyads_client(servers[name])) for name in names}
        _round(servers, pyads, Results(), 1)
        for number in range(rounds):
            _round(servers, pyads, results, number)
        stack.close()
        measure.memory(servers, results, LONG_REQUESTS if long else SHORT_REQUESTS)
        measure.pyads_limits(servers, results)
    results.show()
    wanted = goals()
    results.show_goals(wanted)
    print(f"\nADS: {time.monotonic() - begun_s:.0f} s")
    if json_file is not None:
        results.write(json_file, wanted, {"rounds": rounds, "cpus_apart": apart})


def goals() -> list[Goal]:
    """What issue 3 asks for."""
    wanted = [
        Goal(f"4-byte read, {clients(count)}: {RATE}", f"ours {loop}", bound, f"echo {loop}")
        for count, bound in ((1, 0.8), (50, 0.9))
        for loop in LOOPS
    ]
    for loop in LOOPS:
        ours = f"ours {loop}"
        for server in ("pyads basic", "pyads advanced"):
            wanted += [
                Goal(f"4-byte read, {clients(count)}: {RATE}", ours, 1, server) for count in CLIENTS if count >= 8
            ]
        wanted += [Goal(f"{items}-item sum: ms", ours, 1, "pyads advanced", below=True) for items in measure.SUMS[:2]]
        wanted.append(Goal("500-item sum: ms", ours, 0.3, below=True))
        wanted.append(Goal("pyads read_by_name: calls/s", ours, 1, "pyads advanced"))
        for count, loads in SAMPLE_LOADS.items():
            for variables, cycle_ms in loads:
                asked = f"{count * variables * 1000 // cycle_ms:,} asked for"
                figure = f"notifications, {clients(count)}, {asked}: samples/s"
                wanted.append(Goal(figure, ours, 0.99 * _SAMPLES_WANTED))
        wanted.append(Goal("resident memory: after / before", ours, 1.05, below=True))
    return wanted


def _round(servers: measure.Servers, pyads: dict[str, measure.PyadsClient], results: Results, number: int) -> None:
    measure.reads(servers, results, number)
    measure.hops(servers, results)
    measure.sums(servers, results)
    measure.symbols(pyads, results, number)
    if number % 3 == 0:
        measure.samples(servers, results)
