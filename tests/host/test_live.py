"""Fetching declared sources, and making changes, on a file tree that looks like a machine."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from dinrail.errors import HostError
from dinrail.host.apply import driver
from dinrail.host.apply.tree import Tree
from dinrail.host.live import LiveHost
from dinrail.host.port import TargetGone
from dinrail.host.probe import probe_kvm
from dinrail.host.scan import scan
from dinrail.machine.change import Change, ChangeKind
from dinrail.machine.sources import Entry, Source, SourceKind, Topic
from dinrail.pci.address import PciAddress

GPU = "0000:01:00.0"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """/sys and /proc of a machine with one GPU, bound to `bochs`."""
    device = tmp_path / "sys/devices/pci0000:00" / GPU
    device.mkdir(parents=True)
    (device / "config").write_bytes(bytes(range(256)))
    (device / "uevent").write_text("PCI_CLASS=30000\n")
    (device / "driver_override").write_text("(null)\n")
    (device / "rom").write_bytes(b"\x55\xaa" + bytes(510))
    devices, drivers = tmp_path / "sys/bus/pci/devices", tmp_path / "sys/bus/pci/drivers"
    devices.mkdir(parents=True)
    (drivers / "bochs").mkdir(parents=True)
    (drivers / "bochs/unbind").touch()
    (drivers / "bochs/bind").touch()
    (devices / GPU).symlink_to(f"../../../devices/pci0000:00/{GPU}")
    (device / "driver").symlink_to("../../../bus/pci/drivers/bochs")
    kernel = tmp_path / "proc/sys/kernel"
    kernel.mkdir(parents=True)
    (kernel / "osrelease").write_text("6.1.0\n")
    return tmp_path


def path_of(name: str) -> str:
    return f"/sys/bus/pci/devices/{GPU}/{name}"


def change(kind: ChangeKind, want: str, target: str = GPU) -> Change:
    return Change(kind, target, "", want)


def test_declared_sources_are_read_and_nothing_else(root: Path) -> None:
    """A fetch gives files, links and existence under their own paths, for the topics asked for."""
    raw = LiveHost(root).fetch([Topic.PCI])
    assert raw.topics == {Topic.PCI}
    assert raw.entries[path_of("uevent")] == Entry(SourceKind.FILE, b"PCI_CLASS=30000\n")
    assert raw.entries[path_of("driver")].line == "../../../bus/pci/drivers/bochs"
    assert raw.entries[f"/sys/bus/pci/devices/{GPU}"].line == f"../../../devices/pci0000:00/{GPU}"
    assert raw.entries[path_of("rom")] == Entry(SourceKind.EXISTS)
    assert path_of("boot_vga") not in raw.entries
    assert "/proc/sys/kernel/osrelease" not in raw.entries


def test_files_are_cut_at_their_declared_size(root: Path) -> None:
    """A file longer than its source allows is cut and marked; a topic that asks for more gets more."""
    cut = LiveHost(root).fetch([Topic.PCI]).entries[path_of("config")]
    whole = LiveHost(root).fetch([Topic.PCI, Topic.PCI_CONFIG]).entries[path_of("config")]
    assert (len(cut.data), cut.cut) == (64, True)
    assert (len(whole.data), whole.cut) == (256, False)


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    """A source that is there and cannot be read has an entry with the errno's name; one that is not there has none."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/directory").mkdir()
    sources = [Source(Topic.KERNEL, SourceKind.FILE, f"/etc/{name}") for name in ("directory", "nothing")]
    assert scan(str(tmp_path), sources) == {"/etc/directory": Entry(SourceKind.FILE, fault="EISDIR")}


def test_a_fifo_in_place_of_a_file_does_not_stop_the_fetch(tmp_path: Path) -> None:
    """Something that would block a reader gives nothing, at once."""
    (tmp_path / "etc").mkdir()
    os.mkfifo(tmp_path / "etc/fifo")
    found = scan(str(tmp_path), [Source(Topic.KERNEL, SourceKind.FILE, "/etc/fifo")])
    assert found["/etc/fifo"].data == b""


def test_a_star_stays_within_its_component(tmp_path: Path) -> None:
    """`*` matches names of one directory, sorted, and no hidden ones; names come one a line."""
    for name in ("b/x.json", "a/y.json", ".c/z.json", "a/deep/w.json"):
        (tmp_path / "d" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "d" / name).touch()
    found = scan(
        str(tmp_path),
        [
            Source(Topic.PCI, SourceKind.EXISTS, "/d/*/*.json"),
            Source(Topic.PCI, SourceKind.NAMES, "/d/a"),
        ],
    )
    assert list(found) == ["/d/a/y.json", "/d/b/x.json", "/d/a"]
    assert found["/d/a"].data == b"deep\ny.json"


def test_device_nodes_tell_mode_and_numbers(tmp_path: Path) -> None:
    """The existence of a device node comes with its mode and numbers."""
    found = scan("", [Source(Topic.CPU, SourceKind.EXISTS, "/dev/null")])
    assert found["/dev/null"].line == "crw-rw-rw- 1:3"


def test_another_root_runs_no_commands(root: Path) -> None:
    """Under another root there are no commands and probes: they would answer for this machine."""
    raw = LiveHost(root).fetch([Topic.HYPERVISOR, Topic.CPU])
    assert not [key for key in raw.entries if key.startswith(("command:", "probe:"))]


def test_the_probe_answers_on_any_machine() -> None:
    """The KVM probe gives its four fields with or without KVM, and names the failed call when nothing ran."""
    found = probe_kvm()
    assert set(found) == {"node", "api_version", "ran", "fault"}
    assert bool(found["fault"]) is not found["ran"]
    entry = LiveHost().fetch([Topic.CPU]).entries["probe:kvm"]
    assert entry.fault == "ETIMEDOUT" or set(json.loads(entry.data)) == set(found)


def test_driver_override_is_set_read_back_and_cleared(root: Path) -> None:
    """driver_override reads as empty for `(null)`, and as what was written afterwards."""
    host = LiveHost(root)
    assert host.current(change(ChangeKind.DRIVER_OVERRIDE, "")) == ""
    (root / path_of("driver_override")[1:]).write_text("")
    host.make(change(ChangeKind.DRIVER_OVERRIDE, "vfio-pci"))
    assert host.current(change(ChangeKind.DRIVER_OVERRIDE, "")) == "vfio-pci"


def test_a_driver_that_stays_is_noticed(root: Path) -> None:
    """A write that the kernel takes without doing it is an error: the link is read back."""
    host = LiveHost(root)
    assert host.current(change(ChangeKind.DRIVER, "")) == "bochs"
    with pytest.raises(HostError, match="the driver is bochs after writing none"):
        host.make(change(ChangeKind.DRIVER, ""))
    assert (root / "sys/bus/pci/drivers/bochs/unbind").read_text() == GPU


def test_a_driver_binds_by_its_own_file_without_an_override(root: Path) -> None:
    """Without an override the driver's own `bind` is written, with one `drivers_probe` is."""
    (root / path_of("driver")[1:]).unlink()
    probe = root / "sys/bus/pci/drivers_probe"
    probe.touch()
    with pytest.raises(HostError):
        LiveHost(root).make(change(ChangeKind.DRIVER, "bochs"))
    assert ((root / "sys/bus/pci/drivers/bochs/bind").read_text(), probe.read_text()) == (GPU, "")
    (root / path_of("driver_override")[1:]).write_text("bochs\n")
    with pytest.raises(HostError):
        LiveHost(root).make(change(ChangeKind.DRIVER, "bochs"))
    assert probe.read_text() == GPU


def test_an_override_for_another_driver_is_refused_before_the_kernel_does(root: Path) -> None:
    """A driver that the override forbids is not tried."""
    (root / path_of("driver")[1:]).unlink()
    (root / path_of("driver_override")[1:]).write_text("vfio-pci\n")
    with pytest.raises(HostError, match="driver_override is vfio-pci"):
        LiveHost(root).make(change(ChangeKind.DRIVER, "bochs"))


def test_a_driver_that_is_not_loaded_is_named(root: Path) -> None:
    """Binding a driver that the kernel does not have says which one."""
    (root / path_of("driver")[1:]).unlink()
    with pytest.raises(HostError, match="the driver vfio-pci is not loaded"):
        LiveHost(root).make(change(ChangeKind.DRIVER, "vfio-pci"))


def test_a_write_that_hangs_is_given_up_with_evidence(root: Path) -> None:
    """A driver that never lets go costs the time limit, and the error says what hung."""
    unbind = root / "sys/bus/pci/drivers/bochs/unbind"
    unbind.unlink()
    os.mkfifo(unbind)  # nobody reads: the writer hangs as it does in a driver's unbind
    with pytest.raises(HostError, match=r"bochs does not let the device go: no end after 0\.2 s"):
        driver.make(Tree(root, write_timeout_ns=200_000_000), change(ChangeKind.DRIVER, ""))


def test_a_device_that_is_gone_is_told_apart(root: Path) -> None:
    """A change to a device that is not there is TargetGone, whatever its kind."""
    for kind in (ChangeKind.DRIVER, ChangeKind.DRIVER_OVERRIDE, ChangeKind.ROM_ENABLE):
        with pytest.raises(TargetGone):
            LiveHost(root).current(change(kind, "", target="0000:09:00.0"))


def test_the_rom_is_read_whole(root: Path) -> None:
    """The ROM's bytes come as the file gives them; a device without one is TargetGone."""
    host = LiveHost(root)
    assert host.current(change(ChangeKind.ROM_ENABLE, "1")) == "1"
    assert host.read_rom(PciAddress.parse(GPU)) == b"\x55\xaa" + bytes(510)
    with pytest.raises(TargetGone):
        host.read_rom(PciAddress.parse("09:00.0"))


def test_modules_of_another_root_are_left_alone(root: Path) -> None:
    """Under another root no module is loaded: modprobe would load it here."""
    module = change(ChangeKind.MODULE, "loaded", target="vfio-pci")
    assert LiveHost(root).current(module) == ""
    (root / "sys/module/vfio_pci").mkdir(parents=True)
    assert LiveHost(root).current(module) == "loaded"
    with pytest.raises(HostError, match="cannot be loaded"):
        LiveHost(root).make(module)
    with pytest.raises(HostError, match="not a module's name"):
        LiveHost(root).current(change(ChangeKind.MODULE, "loaded", target="../../etc"))
