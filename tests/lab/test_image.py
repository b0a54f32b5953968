"""The first file system carries the modules in loading order and scripts that name the outer paths."""

from __future__ import annotations

from pathlib import Path

import pytest

from dinrail.errors import HostError
from dinrail.lab.image import EARLY_MODULES, Inside, initramfs, module_files


@pytest.fixture
def kernel_tree(tmp_path: Path) -> Path:
    directory = tmp_path / "lib/modules/6.1"
    directory.mkdir(parents=True)
    lines = ["kernel/ring.ko:", "kernel/virtio.ko: kernel/ring.ko"]
    lines += [f"kernel/{name}.ko: kernel/virtio.ko kernel/ring.ko" for name in EARLY_MODULES]
    (directory / "modules.dep").write_text("\n".join(lines) + "\n")
    (directory / "kernel").mkdir()
    for line in lines:
        (directory / line.split(":")[0]).write_bytes(b"ELF")
    return tmp_path


def test_dependencies_come_before_what_needs_them(kernel_tree: Path) -> None:
    """modules.dep names the nearest dependency first; insmod needs the farthest first. Nothing comes twice."""
    files = module_files(kernel_tree / "lib/modules/6.1", ("virtio-pci", "virtio_console"))
    assert [f.name for f in files] == ["ring.ko", "virtio.ko", "virtio_pci.ko", "virtio_console.ko"]


def test_a_missing_module_is_named(kernel_tree: Path) -> None:
    """A kernel without 9p cannot be used, and the message says what is missing."""
    with pytest.raises(HostError, match="no module nonesuch"):
        module_files(kernel_tree / "lib/modules/6.1", ("nonesuch",))


def test_the_archive_holds_scripts_busybox_and_modules(kernel_tree: Path) -> None:
    """/init, the second script, the program they run, and every early module."""
    busybox = kernel_tree / "busybox"
    busybox.write_bytes(b"BUSYBOX")
    data = initramfs(Inside(kernel_tree, "6.1", ("/usr/bin/python3", "/x/agent.py"), busybox))
    for word in (b"BUSYBOX", b"modules/9p.ko", f"/mnt/outer{kernel_tree}/lib/modules".encode()):
        assert word in data
    assert b"/usr/bin/python3 /x/agent.py dinrail.agent\n" in data


def test_a_missing_busybox_says_which_package(kernel_tree: Path) -> None:
    """The hint is the package to install."""
    with pytest.raises(HostError) as caught:
        initramfs(Inside(kernel_tree, "6.1", ("agent",), kernel_tree / "nowhere"))
    assert "busybox-static" in str(caught.value.hint)
