"""The virtual PC boots and obeys, and its groups are the topology's."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from dinrail.errors import HostError
from dinrail.lab.machine import VirtualPc

pytestmark = pytest.mark.lab


def groups(pc: VirtualPc) -> list[set[str]]:
    """Members of each IOMMU group."""
    done = pc.run(["find", "/sys/kernel/iommu_groups", "-type", "l"])
    found: dict[str, set[str]] = {}
    for line in done.stdout.split():
        found.setdefault(line.split("/")[4], set()).add(Path(line).name)
    return list(found.values())


def test_a_command_gives_its_output_and_exit_status(pc: VirtualPc) -> None:
    """Standard output and standard error stay apart, and the exit status is the command's."""
    done = pc.run(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (done.stdout, done.stderr, done.exit_code, done.timed_out) == ("out\n", "err\n", 3, False)


def test_a_command_runs_where_we_are(pc: VirtualPc) -> None:
    """Same working directory, same interpreter, same files as outside."""
    done = pc.run(["python", "-c", "import dinrail, os; print(os.getcwd(), dinrail.__file__)"])
    assert done.stdout.startswith(str(Path.cwd()))


def test_a_command_that_does_not_end_is_killed(pc: VirtualPc) -> None:
    """The limit holds for the whole session of the command, and the result says so."""
    done = pc.run(["sh", "-c", "sleep 60 & sleep 60"], timeout_s=1)
    assert done.timed_out
    assert done.exit_code == -9


def test_commands_overlap(pc: VirtualPc) -> None:
    """Two commands that each take a second take less than two together."""
    begun = time.monotonic()
    jobs = [pc.start(["sleep", "1.5"]) for _ in range(2)]
    assert [job.wait().exit_code for job in jobs] == [0, 0]
    assert time.monotonic() - begun < 2.9


def test_a_command_that_leaves_a_daemon_behind_ends(pc: VirtualPc) -> None:
    """A background process that keeps the pipes open does not hold its parent's result back."""
    done = pc.run(["sh", "-c", "sleep 30 & echo started"])
    assert done.stdout == "started\n"
    pc.run(["pkill", "-x", "sleep"])


def test_files_go_in_and_out(pc: VirtualPc) -> None:
    """Any bytes, any directory; a missing file is told by name. The outer machine sees nothing of it."""
    data = bytes(range(256)) * 1000
    pc.write_file("/srv/lab/data", data)
    assert pc.read_file("/srv/lab/data") == data
    assert not Path("/srv/lab/data").exists()
    with pytest.raises(HostError, match="/srv/lab/none"):
        pc.read_file("/srv/lab/none")


def test_the_host_driver_owns_the_gpu(pc: VirtualPc) -> None:
    """Before any claim the GPU is in use by the host, as on a real machine."""
    driver = pc.run(["readlink", f"/sys/bus/pci/devices/{pc.topology.address('gpu')}/driver"])
    assert driver.stdout.strip().endswith("/bochs-drm")


def test_the_rom_inside_is_the_one_we_built(pc: VirtualPc) -> None:
    """The card gives out its VBIOS unchanged."""
    rom = f"/sys/bus/pci/devices/{pc.topology.address('gpu')}/rom"
    pc.write_file(rom, b"1")
    assert pc.read_file(rom) == (pc.home / "vbios.rom").read_bytes()
    pc.write_file(rom, b"0")


def test_each_card_has_a_group_of_its_own(pc: VirtualPc) -> None:
    """In the standard machine GPU, NIC and USB controller share with nobody."""
    for function in ("gpu", "nic", "usb"):
        assert {pc.topology.address(function)} in groups(pc)


def test_the_monitor_can_be_looked_at(pc: VirtualPc, tmp_path: Path) -> None:
    """A screendump is a picture, and the console's text can be read from it."""
    picture = pc.screendump("console", tmp_path / "console.png")
    assert not picture.blank
    assert any(picture.text(pc.console_font()))
