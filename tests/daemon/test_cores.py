"""The control's cores: leased and isolated before it starts, given back after it, on a machine in memory."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from build_timing import CONTAINER, GOOD, PLAIN, LinuxBox

from dinrail.daemon.cores import OWNER, give_back, take_cores
from dinrail.errors import Refused
from dinrail.host import claims
from dinrail.host.journal import open_journal
from dinrail.host.lease import Core, Leases
from dinrail.host.paths import Paths
from dinrail.host.rehearsal import RehearsedHost
from dinrail.isolation.case import Wish
from dinrail.isolation.plan import plan_isolation

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root takes cores")


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path / "state", tmp_path / "run")


def host_of(box: LinuxBox) -> RehearsedHost:
    return RehearsedHost(box.raw(), label="a rehearsal")


def test_cores_are_leased_and_isolated_and_given_back(paths: Paths) -> None:
    """While the leases are open nobody else gets the cores; after it, the machine is as it was found."""
    host = host_of(PLAIN)
    found = host.raw.entries.keys()
    taken = take_cores((3, 7), paths, host)
    leases = Leases(paths.leases)
    assert len(taken.files) == 2
    with pytest.raises(Refused, match="in use by control"):
        take_cores((7,), paths, host)
    (made,) = open_journal(paths, host).transactions()
    assert (made.owner, made.is_complete) == (OWNER, True)
    taken.let_go()
    assert leases.holder(Core(3)) is None
    assert give_back(paths, host).is_complete
    assert host.raw.entries.keys() == found
    assert open_journal(paths, host).transactions() == ()


def test_a_control_that_died_leaves_its_cores_isolated_and_the_next_finds_them(paths: Paths) -> None:
    """No second isolation is made of what stands; giving back takes the first one back."""
    host = host_of(PLAIN)
    take_cores((3,), paths, host).let_go()
    take_cores((3,), paths, host).let_go()
    assert len(open_journal(paths, host).transactions()) == 1
    assert give_back(paths, host).steps
    assert give_back(paths, host).steps == ()


def test_what_the_user_isolated_stays(paths: Paths) -> None:
    """Only what was taken for the control is given back with it."""
    host = host_of(PLAIN)
    plan = plan_isolation(PLAIN.facts(), Wish(frozenset({3})))
    claims.claim(host, open_journal(paths, host), Leases(paths.leases), plan, owner="control isolate")
    take_cores((3,), paths, host).let_go()
    assert give_back(paths, host).steps == ()
    assert len(open_journal(paths, host).transactions()) == 1


@pytest.mark.parametrize(
    ("box", "words"),
    [
        (CONTAINER, "rights.fifo"),
        (replace(PLAIN, partitions=(("other", "3", "isolated"),)), "cores.taken"),
        (replace(PLAIN, cgroups=0), "other programs run on core 3, too"),
    ],
)
def test_what_cannot_be_had_is_said_and_stops_nothing(paths: Paths, box: LinuxBox, words: str) -> None:
    """The control is started all the same; it goes to no group, and its user reads why."""
    taken = take_cores((3,), paths, host_of(box))
    assert taken.cgroup is None
    assert any(words in note for note in taken.notes)
    taken.let_go()


def test_cores_that_the_boot_isolated_need_nothing(paths: Paths) -> None:
    """No group, no note: the kernel keeps others away."""
    taken = take_cores((3,), paths, host_of(GOOD))
    assert (taken.cgroup, taken.notes) == (None, ())
    taken.let_go()


def test_a_control_without_cores_takes_none(paths: Paths) -> None:
    """Nothing is read, leased or changed."""
    assert take_cores((), paths, host_of(PLAIN)).files == ()
    assert not paths.run.exists()
