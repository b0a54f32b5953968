"""`dinrail guest`, `config`, `schema`: words in, text and exit codes out."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from build_guest import raw_of, rom_for
from build_host import AMD_DGPU, NO_IOMMU, Machine

from dinrail.cli.guest import pasteable
from dinrail.host.archive import write_archive

TOML = """
[guest.hmi]
os = "linux"
cpus = 1
memory = "256 MiB"
firmware = "bios"
gpu = { device = "passthru,0/2/0", rom = "none" }
"""


def dinrail(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    places = {"DINRAIL_STATE": str(tmp_path / "state"), "DINRAIL_RUN": str(tmp_path / "run")}
    command = (sys.executable, "-m", "dinrail", *words)
    return subprocess.run(
        command, env=os.environ | places, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path
    )


def written(tmp_path: Path, toml: str = TOML, machine: Machine = AMD_DGPU) -> Path:
    """The document, and the machine's archive as host.tar.gz."""
    (tmp_path / "dinrail.toml").write_text(toml)
    write_archive(raw_of(machine), tmp_path / "host.tar.gz", {})
    return tmp_path


def test_a_plan_on_an_archive_prints_a_command_that_a_shell_takes(tmp_path: Path) -> None:
    """stdout is the command alone, findings are on stderr; nothing is made on the disk."""
    toml = TOML.replace("passthru,0/2/0", "passthru,11/0/0")
    done = dinrail(written(tmp_path, toml), "guest", "plan", "hmi", "--host", "host.tar.gz")
    assert done.returncode == 0, done.stderr
    words = shlex.split(done.stdout.replace("\\\n", ""))
    assert words[0] == "qemu-system-x86_64"
    assert any(word.startswith("vfio-pci") and "host=0000:0b:00.0" in word for word in words)
    assert "guest.accel" in done.stderr
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "state").exists()


def test_a_blocked_plan_is_shown_and_exits_1(tmp_path: Path) -> None:
    """The command is printed all the same; the JSON holds the verdict, the claim's steps and every finding."""
    done = dinrail(written(tmp_path, machine=NO_IOMMU), "--json", "guest", "plan", "hmi", "--host", "host.tar.gz")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert told["blocked"] is True
    assert told["argv"][0] == "qemu-system-x86_64"
    assert "iommu.no-table" in {finding["rule"] for finding in told["findings"]}


def test_a_foreign_rom_blocks_the_plan(tmp_path: Path) -> None:
    """`guest plan` says what `guest start` would refuse, and both take the same insistence."""
    toml = TOML.replace('device = "passthru,0/2/0", rom = "none"', 'device = "0b:00.0", rom = "foreign.rom"')
    written(tmp_path, toml)
    (tmp_path / "foreign.rom").write_bytes(rom_for(0x10DE, 0x1C82))
    plan = ("guest", "plan", "hmi", "--host", "host.tar.gz")
    refused = dinrail(tmp_path, *plan)
    assert refused.returncode == 1
    assert "10de:1c82" in refused.stderr
    assert "1002:67df" in refused.stderr
    assert dinrail(tmp_path, *plan, "--rom-mismatch-ok").returncode == 0


def test_an_archive_starts_nothing(tmp_path: Path) -> None:
    """Exit code 1, and what does work with it."""
    done = dinrail(written(tmp_path), "guest", "start", "hmi", "--host", "host.tar.gz")
    assert done.returncode == 1
    assert "guest plan" in done.stderr


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("guest", "plan", "hni"), 2),
        (("guest", "plan", "hmi", "--backend", "xen"), 2),
        (("guest", "plan", "hmi", "--config", "none.toml"), 2),
        (("guest", "stop", "hmi"), 1),
        (("guest", "screen", "hmi"), 1),
        (("guest", "status", "hmi"), 1),
        (("guest", "list"), 0),
        (("status",), 0),
        (("config", "check"), 0),
    ],
)
def test_exit_codes_tell_whose_fault_it_was(tmp_path: Path, words: tuple[str, ...], code: int) -> None:
    """0 fine, 1 our check said no, 2 the request was wrong."""
    assert dinrail(written(tmp_path), *words).returncode == code


def test_config_check_tells_all_faults(tmp_path: Path) -> None:
    """Exit code 2; as JSON each fault is one of the details."""
    written(tmp_path, "[guest.a]\nos = 'linux'\ncpus = 0\nmemory = '1 GB'\n")
    done = dinrail(tmp_path, "config", "check", "dinrail.toml", "--json")
    assert done.returncode == 2
    assert [line.split(":")[0] for line in json.loads(done.stdout)["details"]] == ["guest.a.cpus", "guest.a.memory"]


def test_the_schema_is_json(tmp_path: Path) -> None:
    """For editors."""
    assert json.loads(dinrail(tmp_path, "schema").stdout)["title"] == "DocumentSection"


def test_a_command_for_a_shell_quotes_what_needs_it() -> None:
    """An option a line, and the same words come back."""
    argv = ("qemu", "-append", "a b; rm -rf /", "-kernel", "$HOME/k")
    assert shlex.split(pasteable(argv).replace("\\\n", "")) == list(argv)
    assert pasteable(("qemu", "-nodefaults", "-m", "1")) == "qemu \\\n  -nodefaults \\\n  -m 1"
