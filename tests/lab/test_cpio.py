"""The archive is what the kernel and cpio(1) read: names, contents, modes, device numbers."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from dinrail.lab.cpio import Archive


def test_an_entry_is_padded_to_four_bytes_and_numbers_are_hexadecimal() -> None:
    """Every header field is eight hexadecimal digits; name and data end on a multiple of four."""
    archive = Archive()
    archive.file("a/bc", b"12345")
    data = archive.to_bytes()
    assert data[:6] == b"070701"
    assert data[6:14] == b"00000001"  # inode
    assert data[14:22] == b"000081A4"  # regular file, 0644
    assert data[54:62] == b"00000005"  # size
    assert data[94:102] == b"00000005"  # name with its NUL
    assert data[110:116] == b"a/bc\0\0"[:5] + b"\0"
    assert data[116:124] == b"12345\0\0\0"
    assert len(data) % 4 == 0


@pytest.mark.skipif(shutil.which("cpio") is None, reason="cpio is not installed")
def test_cpio_lists_what_was_added() -> None:
    """cpio(1) is the oracle: it sees the same names, sizes, links and devices."""
    archive = Archive()
    archive.directory("dev", "bin")
    archive.character_device("dev/console", 5, 1)
    archive.file("bin/tool", b"#!", executable=True)
    archive.symlink("bin/sh", "tool")
    done = subprocess.run(
        ["cpio", "-itv", "--quiet"], input=archive.to_bytes(), capture_output=True, check=True, env={"LC_ALL": "C"}
    )
    lines = done.stdout.decode().splitlines()
    assert [line.split()[0] for line in lines] == ["drwxr-xr-x", "drwxr-xr-x", "crw-------", "-rwxr-xr-x", "lrwxrwxrwx"]
    assert "5,   1" in lines[2]
    assert lines[4].endswith("bin/sh -> tool")
