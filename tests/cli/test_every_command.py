"""Every command answers in both ways, and runs against an archive where it only reads."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from build_guest import raw_of
from build_host import AMD_DGPU, NO_IOMMU, Machine
from build_rom import card, two_images

from dinrail.ads.credentials import UserFile
from dinrail.host.archive import write_archive

GPU, AUDIO = "0b:00.0", "0b:00.1"
GUEST = """
[guest.hmi]
os = "linux"
cpus = 1
memory = "1 GiB"
firmware = "bios"
gpu = { device = "0b:00.0", rom = "none" }
"""

READS = [
    ("pci",),
    ("pci", GPU),
    ("pci", "--groups"),
    ("doctor",),
    ("doctor", GPU, AUDIO),
    ("gpu", "plan", GPU, AUDIO),
    ("gpu", "claim", GPU, AUDIO, "--dry-run"),
    ("collect", "--list"),
    ("guest", "plan", "--config", "dinrail.toml", "hmi"),
    ("config", "check", "dinrail.toml"),
    ("vbios", "show", "card.rom"),
    ("vbios", "check", "card.rom"),
]
SAYS = [
    ("guest", "list"),
    ("status",),
    ("undo", "--list"),
    ("schema",),
    ("lab", "list"),
    ("explain", "vfio: error, group 12 is not viable"),
    ("ads", "policy", "show", "--config", "dinrail.toml"),
    ("ads", "policy", "check", "--from", "127.0.0.1"),
    ("ads", "user", "list", "--file", "users"),
]
READ_ADS = ("info", "state", "symbols", "types", "discover")


def dinrail(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": "/usr/bin:/bin:/usr/sbin", "DINRAIL_STATE": str(place / "state"), "DINRAIL_RUN": str(place / "run")}
    argv = [sys.executable, "-m", "dinrail", *words]
    return subprocess.run(argv, cwd=place, env=env, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("commands")
    for name, machine in (("good", AMD_DGPU), ("bad", NO_IOMMU)):
        archived(machine, directory / f"{name}.tar.gz")
    (directory / "dinrail.toml").write_text(GUEST)
    (directory / "card.rom").write_bytes(two_images())
    UserFile(directory / "users").put("operator", "correct horse")
    return directory


def archived(machine: Machine, path: Path) -> None:
    write_archive(raw_of(machine), path, {})


@pytest.mark.parametrize("words", READS, ids=" ".join)
def test_what_only_reads_answers_from_an_archive_in_both_ways(place: Path, words: tuple[str, ...]) -> None:
    """With --host, for people and as JSON; the exit code is the same, and there is never a traceback."""
    told = dinrail(place, *words, "--host", "good.tar.gz")
    asked = dinrail(place, *words, "--host", "good.tar.gz", "--json")
    assert told.returncode == asked.returncode == 0, told.stdout + told.stderr + asked.stderr
    assert told.stdout.strip()
    assert json.loads(asked.stdout) is not None
    assert "Traceback" not in told.stderr + asked.stderr


@pytest.mark.parametrize("words", SAYS, ids=" ".join)
def test_what_asks_no_host_answers_in_both_ways(place: Path, words: tuple[str, ...]) -> None:
    """The same for commands that ask no host."""
    told, asked = dinrail(place, *words), dinrail(place, *words, "--json")
    assert told.returncode == asked.returncode == 0, told.stderr
    assert told.stdout.strip()
    json.loads(asked.stdout)


@pytest.mark.parametrize(
    "words",
    [
        ("gpu", "claim", GPU),
        ("gpu", "release", GPU),
        ("vbios", "extract", GPU),
        ("guest", "start", "--config", "dinrail.toml", "hmi"),
        ("guest", "stop", "hmi"),
        ("undo",),
        ("up",),
        ("down",),
        ("status",),
        ("guest", "list"),
        ("ads", "serve", "--simulate"),
        ("ads", "read", "MAIN.x"),
        ("ads", "write", "MAIN.x", "1"),
        ("ads", "call", "MAIN.fb", "Add"),
        ("ads", "watch", "MAIN.x"),
        ("ads", "record", "x.jsonl"),
        ("ads", "route", "list"),
        ("ads", "files", "list"),
        ("ads", "introduce", "127.0.0.1"),
        *(("ads", word) for word in READ_ADS),
    ],
    ids=" ".join,
)
def test_what_is_about_this_machine_refuses_an_archive(place: Path, words: tuple[str, ...]) -> None:
    """An archive cannot be changed and runs nothing: a clear refusal, never the machine that happens to be here."""
    done = dinrail(place, *words, "--host", "good.tar.gz")
    assert done.returncode in (1, 2), done.stdout + done.stderr
    assert "good.tar.gz" in done.stderr or "archive" in done.stderr, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [("doctor",), ("gpu", "plan", "00:02.0")], ids=" ".join)
def test_a_verdict_that_blocks_exits_one_in_both_ways(place: Path, words: tuple[str, ...]) -> None:
    """Exit code 1 and the evidence, for people and as JSON."""
    told = dinrail(place, *words, "--host", "bad.tar.gz")
    asked = dinrail(place, *words, "--host", "bad.tar.gz", "--json")
    assert told.returncode == asked.returncode == 1, told.stderr
    assert "DMAR" in told.stdout + told.stderr
    assert "DMAR" in asked.stdout


def test_the_same_rom_is_somebody_else_s_for_another_device(place: Path) -> None:
    """`vbios check --device` exits 0 for the device that the ROM names and 1 for another, naming both id pairs."""
    ids = card()
    mine = f"{ids.vendor_id:04x}:{ids.device_id:04x}"
    assert dinrail(place, "vbios", "check", "card.rom", "--device", mine).returncode == 0
    other = dinrail(place, "vbios", "check", "card.rom", "--device", "10de:1c82")
    assert other.returncode == 1
    assert mine in other.stdout + other.stderr
    assert "10de:1c82" in other.stdout + other.stderr
