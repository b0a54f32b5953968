"""`dinrail control noise`: how quiet a core is, measured by native threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dinrail.cli.session import Session

if TYPE_CHECKING:
    from rich.console import Console

    from dinrail.isolation.noise import Cycled, Hint, Spun

_EDGES_US = (5, 10, 15, 20, 30, 50, 75, 100, 150, 200, 500, 1000, 2000)
_BAR = 50


def register(app: typer.Typer) -> None:
    app.command("noise")(noise)


def noise(
    context: typer.Context,
    core: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Which core; else the one that doctor --realtime suggests.")
    ] = None,
    seconds: Annotated[float, typer.Option(metavar="S", min=0.1, max=86400, help="How long in all.")] = 10.0,
    period: Annotated[str, typer.Option(metavar="TIME", help="Cycle time of the sleeping thread.")] = "1 ms",
    threshold: Annotated[str, typer.Option(metavar="TIME", help="What the spinning thread calls a gap.")] = "10 us",
) -> None:
    """Measure how quiet a core is: one native thread that never sleeps, then one that sleeps each cycle."""
    from dinrail.errors import BadRequest
    from dinrail.host.counters import read_counters
    from dinrail.isolation import rules
    from dinrail.isolation.noise import hints
    from dinrail.plc.emit.noise import NoiseMeter
    from dinrail.units import S_NS, US_NS, parse_duration

    session = Session.of(context)
    session.require_this_machine()
    period_ns, threshold_ns = parse_duration(period), parse_duration(threshold)
    if not 20 * US_NS <= period_ns <= S_NS or not threshold_ns:
        raise BadRequest("a period of 20 us to 1 s, and a threshold above 0, can be measured", where="--period")
    facts = session.facts(*rules.TOPICS)
    chosen = core if core is not None else rules.suggested_core(facts) or 0
    half_ns = int(seconds * S_NS / 2)
    meter = NoiseMeter()
    before = read_counters(chosen)
    spun = meter.spin(chosen, duration_ns=half_ns, threshold_ns=threshold_ns)
    after = read_counters(chosen)
    cycled = meter.cycle(chosen, period_ns=period_ns, cycles=max(1, half_ns // period_ns))
    realtime = facts.realtime
    limit = realtime.rt_runtime_us if realtime is not None else None
    share = None if limit in (None, -1) or realtime is None else (limit or 0) / (realtime.rt_period_us or 1_000_000)
    virtual = facts.cpus is not None and "hypervisor" in facts.cpus.flags
    causes = hints(spun, before, after, virtual=virtual, runtime_share=share)
    if session.as_json:
        _print_json(chosen, spun, cycled, causes)
    else:
        _print(chosen, spun, cycled, causes)


def _print_json(core: int, spun: Spun, cycled: Cycled, causes: tuple[Hint, ...]) -> None:
    from dinrail.cli.output import print_json
    from dinrail.isolation.noise import SHARES

    histogram = cycled.histogram
    shown = {i * histogram.bucket_ns: count for i, count in enumerate(histogram.counts) if count}
    latency = {
        "period_ns": cycled.period_ns,
        "cycles": cycled.cycles,
        "overruns": cycled.overruns,
        "missed": cycled.missed,
        "min_ns": cycled.least_ns,
        "max_ns": cycled.most_ns,
        "mean_ns": cycled.mean_ns,
        "percentiles_ns": {f"{share:g}": histogram.percentile(share) for share in SHARES},
        "histogram": {"bucket_ns": histogram.bucket_ns, "from_ns": shown, "beyond": histogram.overflow},
        "fifo": cycled.fifo,
    }
    print_json({"core": core, "gaps": spun, "latency": latency, "causes": causes})


def _print(core: int, spun: Spun, cycled: Cycled, causes: tuple[Hint, ...]) -> None:
    from dinrail.cli.output import console

    out = console()
    _print_gaps(out, core, spun, causes)
    _print_latency(out, core, cycled)


def _print_gaps(out: Console, core: int, spun: Spun, causes: tuple[Hint, ...]) -> None:
    from dinrail.units import MS_NS, S_NS, US_NS

    out.print(f"core {core}, a thread that never sleeps{_priority(spun.fifo)}", style="bold", markup=False)
    seconds = spun.spun_ns / S_NS
    out.print(
        f"  {spun.count} gaps of {spun.threshold_ns / US_NS:g} us or more in {seconds:.1f} s"
        f" ({spun.count / max(seconds, 1e-9):.0f} a second), the longest {spun.longest_ns / US_NS:.0f} us,"
        f" {spun.lost_ns / MS_NS:.2f} ms in all; the clock was read each"
        f" {spun.spun_ns / max(spun.turns, 1):.0f} ns",
        markup=False,
        soft_wrap=True,
    )
    for gap in sorted(spun.gaps, key=lambda g: -g.length_ns)[:5]:
        out.print(f"    {gap.length_ns / US_NS:>9.1f} us at {gap.at_ns / S_NS:.3f} s", markup=False)
    if causes:
        out.print("  meanwhile on this core:", markup=False)
    for cause in causes:
        rule = f"  [{cause.rule}]" if cause.rule else ""
        out.print(f"    {cause.text}{rule}", markup=False, soft_wrap=True)


def _print_latency(out: Console, core: int, cycled: Cycled) -> None:
    from dinrail.isolation.noise import SHARES
    from dinrail.units import US_NS

    what = f"core {core}, a thread that wakes up each {cycled.period_ns / US_NS:g} us{_priority(cycled.fifo)}"
    out.print(what, style="bold", markup=False)
    percentiles = ((share, cycled.histogram.percentile(share)) for share in SHARES)
    shown = "  ".join(f"p{s:g} {'beyond' if v is None else f'{v / US_NS:.1f}'}" for s, v in percentiles)
    out.print(
        f"  {cycled.cycles} cycles; late by us: min {cycled.least_ns / US_NS:.1f}  mean {cycled.mean_ns / US_NS:.1f}"
        f"  {shown}  max {cycled.most_ns / US_NS:.1f}; {cycled.overruns} overruns, {cycled.missed} cycles missed",
        markup=False,
        soft_wrap=True,
    )
    for line in bars(cycled.histogram.rebinned([edge * US_NS for edge in _EDGES_US])):
        out.print(f"  {line}", markup=False)


def bars(counts: tuple[int, ...]) -> list[str]:
    """The histogram as lines of characters. Bars are logarithmic: one late cycle in a million is seen."""
    from math import log10

    most = max(counts, default=0)
    if not most:
        return []
    last = max(index for index, count in enumerate(counts) if count)
    first = min(index for index, count in enumerate(counts) if count)
    labels = [f"< {edge} us" for edge in _EDGES_US] + [f">= {_EDGES_US[-1]} us"]
    scale = _BAR / (log10(most) + 1)
    rows = zip(labels, counts, strict=True)
    return [
        f"{label:>10} {count:>10} {'#' * round((log10(count) + 1) * scale) if count else ''}"
        for index, (label, count) in enumerate(rows)
        if first <= index <= last
    ]


def _priority(fifo: bool) -> str:
    return "" if fifo else " (without real-time priority: it was refused)"
