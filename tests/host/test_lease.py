"""Leases: one device, one user, for as long as some process of that user lives."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dinrail.clock import ManualClock
from dinrail.errors import FormatError, HostError, Refused
from dinrail.host.lease import Holder, Leases, parse_holder
from dinrail.pci.address import PciAddress

GPU = PciAddress.parse("01:00.0")
AUDIO = PciAddress.parse("01:00.1")


@pytest.fixture
def leases(tmp_path: Path) -> Leases:
    return Leases(tmp_path / "leases", ManualClock(wall_ns=5))


def test_a_lease_names_its_holder(leases: Leases) -> None:
    """A lease is taken at once, tells who holds it, and is free again after use."""
    assert leases.holder(GPU) is None
    with leases.take(GPU, owner="guest hmi") as lease:
        assert leases.holder(GPU) == Holder("guest hmi", os.getpid(), 5) == lease.holder
        assert leases.holder(AUDIO) is None
    assert leases.holder(GPU) is None


def test_the_second_is_refused_and_told_by_whom(leases: Leases) -> None:
    """Two that want one device: one has it, the other is refused with the holder's name and process."""
    with leases.take(GPU, owner="guest hmi"), pytest.raises(Refused) as raised:
        leases.take(GPU, owner="guest data")
    assert f"in use by guest hmi (pid {os.getpid()})" in str(raised.value)
    leases.take(GPU, owner="guest data").close()


def test_many_at_once_have_one_winner(tmp_path: Path) -> None:
    """Of several processes that ask at the same moment, exactly one gets the lease."""
    code = (
        "import sys; from pathlib import Path; from dinrail.host.lease import Leases; "
        "from dinrail.pci.address import PciAddress; from dinrail.errors import Refused\n"
        "sys.stdin.readline()\n"
        "try: lease = Leases(Path(sys.argv[1])).take(PciAddress(0, 1, 0, 0), owner='x'); print('won', flush=True)\n"
        "except Refused: print('lost', flush=True)\n"
        "sys.stdin.readline()\n"
    )
    argv = (sys.executable, "-c", code, str(tmp_path))
    racers = [subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    results = [racer.stdout.readline().strip() for racer in racers if racer.stdout is not None]
    for racer in racers:
        racer.communicate("end\n")
    assert sorted(results) == ["lost", "lost", "lost", "won"]


def test_an_heir_keeps_the_lease(leases: Leases) -> None:
    """A child that inherited the lease holds it after its parent gave it back, and it ends with the child."""
    lease = leases.take(GPU, owner="guest hmi")
    argv = (sys.executable, "-c", "import sys; sys.stdin.readline()")
    with subprocess.Popen(argv, stdin=subprocess.PIPE, pass_fds=(lease.fileno(),)) as keeper:
        lease.hand_over(owner="guest hmi", pid=keeper.pid)
        lease.close()
        holder = leases.holder(GPU)
        assert holder is not None
        assert holder.pid == keeper.pid
        with pytest.raises(Refused, match=f"pid {keeper.pid}"):
            leases.take(GPU, owner="x")
        keeper.communicate(b"end\n")
    leases.take(GPU, owner="x").close()


def test_other_children_do_not_inherit(leases: Leases) -> None:
    """A child that was not given the lease does not hold it."""
    lease = leases.take(GPU, owner="x")
    argv = (sys.executable, "-c", "print('up', flush=True); input()")
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=False) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        lease.close()
        assert leases.holder(GPU) is None
        child.communicate(b"\n")


def test_what_a_dead_holder_wrote_does_not_count(leases: Leases, tmp_path: Path) -> None:
    """The lock is the lease: a file left behind by a crash is no obstacle, whatever it says."""
    (tmp_path / "leases").mkdir()
    for left in (b"", b"garbage", json.dumps({"owner": "x", "pid": 1, "since_ns": 1}).encode()):
        (tmp_path / f"leases/{GPU}.lease").write_bytes(left)
        assert leases.holder(GPU) is None
        leases.take(GPU, owner="y").close()


def test_a_holder_without_a_name_is_unknown(leases: Leases, tmp_path: Path) -> None:
    """A lease that is held by somebody who wrote nothing readable is refused all the same."""
    with leases.take(GPU, owner="x"):
        (tmp_path / f"leases/{GPU}.lease").write_bytes(b"\xff{")
        with pytest.raises(Refused, match="in use by unknown"):
            leases.take(GPU, owner="y")


def test_a_link_in_the_place_of_a_lease_is_not_followed(leases: Leases, tmp_path: Path) -> None:
    """A symbolic link planted as a lease does not make us write elsewhere."""
    (tmp_path / "leases").mkdir()
    (tmp_path / f"leases/{GPU}.lease").symlink_to(tmp_path / "victim")
    with pytest.raises(HostError):
        leases.take(GPU, owner="x")
    assert not (tmp_path / "victim").exists()


@given(st.binary(max_size=100) | st.text(max_size=50).map(str.encode) | st.just(b"[" * 100_000))
def test_garbage_gives_a_value_or_the_declared_error(data: bytes) -> None:
    """Any bytes in a lease file give a holder or a FormatError."""
    with contextlib.suppress(FormatError):
        parse_holder(data)


@pytest.mark.parametrize("fault", [{"owner": 3}, {"pid": "x"}, {"pid": True}, {"since_ns": 1.5}])
def test_a_holder_is_checked_field_by_field(fault: dict[str, object]) -> None:
    """A field of another type is a FormatError that names it."""
    with pytest.raises(FormatError) as raised:
        parse_holder(json.dumps({"owner": "x", "pid": 1, "since_ns": 1} | fault).encode())
    assert raised.value.field in fault
