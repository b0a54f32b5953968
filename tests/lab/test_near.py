"""The near disk: the files that commands inside open most."""

from __future__ import annotations

import subprocess
from pathlib import Path

import dinrail
from dinrail.lab.near import make_disk, near_files


def test_it_holds_what_a_start_loads_and_no_links() -> None:
    """dinrail, its packages and the standard library are on it; links, tests and the workshop's tools are not."""
    files = set(near_files())
    names = {"/".join(path.parts[-2:]) for path in files}
    assert Path(dinrail.__file__) in files
    assert {"pydantic/main.py", "rich/table.py", "typer/main.py", "json/decoder.py"} <= names
    assert not any(path.is_symlink() for path in files)
    assert not any("mypy" in path.parts or "hypothesis" in path.parts or "test" in path.parts for path in files)


def test_the_disk_has_the_files_under_their_own_paths(tmp_path: Path) -> None:
    """A file on the disk has the path, size and time that it has outside, and the staging directory is gone."""
    image, staging = tmp_path / "near.img", tmp_path / "near"
    make_disk(image, staging)
    assert not staging.exists()
    wanted = Path(dinrail.__file__)
    debugfs = ["/usr/sbin/debugfs", "-R", f"stat {wanted}", str(image)]
    said = subprocess.run(debugfs, capture_output=True, text=True, check=True).stdout
    assert f"Size: {wanted.stat().st_size}" in said
    assert f"mtime: {int(wanted.stat().st_mtime):#010x}" in said
