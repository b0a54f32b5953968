"""Run all benchmarks: `python -m tools.bench [--rounds N] [--only PART]`. Results are printed, nothing is judged."""

from __future__ import annotations

import argparse
import platform
import shutil
import sys
import time
from pathlib import Path

from tools.bench.rounds import command, interleave, print_rows

SEABIOS_ROMS = Path("/usr/share/seabios")
IPXE_ROMS = Path("/usr/lib/ipxe/qemu")


def start_up(rounds: int) -> None:
    """How long a person waits for help, beside the interpreter that cannot be avoided."""
    python = sys.executable
    rows = interleave(
        {
            "python -c pass": command(python, "-c", "pass"),
            "dinrail --help": command(python, "-m", "dinrail", "--help"),
            "dinrail pci --help": command(python, "-m", "dinrail", "pci", "--help"),
        },
        rounds=rounds,
    )
    print_rows("Start-up", rows, against="python -c pass")


def inventory(rounds: int) -> None:
    """`dinrail pci --json` against lspci's machine-readable and full forms, on the same machine in the same rounds."""
    if not shutil.which("lspci") or not Path("/sys/bus/pci/devices").is_dir():
        print("\nInventory: skipped, this machine has no lspci or no PCI bus")
        return
    python = sys.executable
    script = (
        "from dinrail.host.live import LiveHost\nfrom dinrail.machine.read import read_facts\n"
        "from dinrail.machine.sources import Topic\nimport time\nt=time.perf_counter_ns()\n"
        "f=read_facts(LiveHost().fetch((Topic.PCI, Topic.PCI_NAMES)))\n"
        "print(len(f.functions), (time.perf_counter_ns()-t)/1e6)"
    )
    rows = interleave(
        {
            "python -c pass": command(python, "-c", "pass"),
            "lspci -vmmk": command("lspci", "-vmmk"),
            "lspci -vvv": command("lspci", "-vvv"),
            "dinrail pci --json": command(python, "-m", "dinrail", "pci", "--json"),
        },
        rounds=rounds,
    )
    print_rows("Host inventory, whole processes", rows, against="lspci -vvv")
    by_name = {row.name: row.median_ms for row in rows}
    own_ms = by_name["dinrail pci --json"] - by_name["python -c pass"]
    print(f"  dinrail pci --json without interpreter start: {own_ms:.1f} ms")
    print("  reading and parsing alone (functions, ms): ", end="", flush=True)
    import subprocess

    print(subprocess.run([python, "-c", script], check=True, capture_output=True, text=True).stdout.strip())


def rom_walk(rounds: int) -> None:
    """Bytes per second through the option ROM walk, checksums included, over the ROMs that Debian ships."""
    from dinrail.pci.rom import walk

    roms: list[bytes] = []
    for path in sorted([*SEABIOS_ROMS.glob("vgabios-*.bin"), *IPXE_ROMS.glob("*.rom")]):
        data = path.read_bytes()
        if data[0x18:0x1A] != b"\0\0" and b"PCIR" in data:
            roms.append(data)
    total_bytes, images = sum(len(rom) for rom in roms), 0
    rates: list[float] = []
    for _ in range(rounds + 1):
        started_ns = time.perf_counter_ns()
        images = sum(len(walk(rom)) for rom in roms)
        rates.append(total_bytes / (time.perf_counter_ns() - started_ns) * 1e9 / 1e6)
    middle = sorted(rates[1:])[len(rates[1:]) // 2]
    print(f"\nROM walk: {middle:.0f} MB/s median ({len(roms)} files, {images} images, {total_bytes / 1e6:.1f} MB)")


def ads(rounds: int, *, long: bool = False, json_file: Path | None = None) -> None:
    """Our router and device against a bare echo and pyads' test server."""
    from tools.bench.ads.run import ads as run

    run(rounds, long=long, json_file=json_file)


def scan(rounds: int) -> None:
    """Five programs against the same in C."""
    from tools.bench.scan_time.run import scan_time

    scan_time(rounds)


def compiler(rounds: int) -> None:
    """Lines a second, a large project, an unchanged one."""
    from tools.bench.compiler import report

    report(max(3, rounds // 3))


def starting(rounds: int) -> None:
    """The control process: to its first cycle, and what it locks."""
    from tools.bench.starting import report

    report(rounds)


def channel(_rounds: int) -> None:
    """Snapshots a second, torn ones, a flood of writes, the cycles that subscribers see."""
    from tools.bench.channel import report
    from tools.bench.cycles_seen import report as cycles_seen

    report(3.0)
    cycles_seen(4.0)


def latency(rounds: int) -> None:
    """Wake-ups beside cyclictest's."""
    from tools.bench.latency import latency as run

    run(max(20, rounds))


def main() -> None:
    parts = {
        "start-up": start_up,
        "inventory": inventory,
        "rom": rom_walk,
        "scan": scan,
        "compiler": compiler,
        "starting": starting,
        "channel": channel,
        "latency": latency,
    }
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", choices=(*parts, "ads"), action="append", help="this part alone; may be repeated")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures of the ADS part there")
    parser.add_argument("--long", action="store_true", help="ADS: memory over a million requests, not 200 000")
    words = parser.parse_args()
    rounds, wanted = words.rounds, words.only or [*parts, "ads"]
    print(f"Python {platform.python_version()}, {platform.platform()}, {rounds} interleaved rounds, medians")
    for name, part in parts.items():
        if name in wanted:
            part(rounds)
    if "ads" in wanted:
        ads(rounds, long=words.long, json_file=words.json)


if __name__ == "__main__":
    main()
