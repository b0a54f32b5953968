"""Starting and stopping on a rehearsed host: what is refused, in which order, and that everything is given back."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from build_guest import entries_of, exit_of, guest, pid_of, rehearsed_site, rom_for, run_keeper
from build_host import AMD_DGPU, DGPU, DGPU_AUDIO, NO_IOMMU, Machine

from dinrail.errors import HostError, Refused
from dinrail.guest.definition import GuestDefinition
from dinrail.guest.lifecycle import State
from dinrail.guest.rundir import observe
from dinrail.guest.site import Site, owner_of
from dinrail.guest.start import StartRequest, start
from dinrail.guest.stop import give_back, kill, settle_dead, stop
from dinrail.host.claims import claim
from dinrail.machine.read import read_facts
from dinrail.passthrough.claim import plan_claim
from dinrail.passthrough.rules import TOPICS
from dinrail.pci.address import PciAddress
from dinrail.units import S_NS

GPU = PciAddress.parse(DGPU)
CARD = rom_for(0x1002, 0x67DF)
BODY = 'os = "linux"\ncpus = 1\nmemory = "256 MiB"\nfirmware = "bios"\n'


def definition(rom: str = "none", name: str = "hmi") -> GuestDefinition:
    return guest(BODY + f'gpu = {{ device = "0b:00.0", rom = "{rom}" }}\n', name=name)


def site_of(tmp_path: Path, machine: Machine = AMD_DGPU) -> Site:
    return rehearsed_site(machine, tmp_path, {GPU: CARD})


@pytest.fixture
def no_qemu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A PATH on which the hypervisor is not found: every start fails at its very end."""
    monkeypatch.setenv("PATH", str(tmp_path))


def test_a_foreign_rom_is_refused_before_anything_is_touched(tmp_path: Path) -> None:
    """Exit 1, both id pairs in the message, no journal, no lease, no run."""
    rom = tmp_path / "other.rom"
    rom.write_bytes(rom_for(0x10DE, 0x1C82))
    site = site_of(tmp_path)
    before = entries_of(site)
    with pytest.raises(Refused) as caught:
        start(StartRequest(definition(str(rom))), site)
    text = "\n".join(caught.value.lines())
    assert "10de:1c82" in text
    assert "1002:67df" in text
    assert "--rom-mismatch-ok" in text
    assert caught.value.exit_code == 1
    assert entries_of(site) == before
    assert not site.paths.journal.exists()
    assert not site.paths.leases.exists()
    assert observe(site.run_dir("hmi")).state is State.DEFINED


def test_a_truncated_rom_names_what_it_lost(tmp_path: Path) -> None:
    """Structure and field, and that waives nothing."""
    rom = tmp_path / "cut.rom"
    rom.write_bytes(CARD[:30])
    with pytest.raises(Refused) as caught:
        start(StartRequest(definition(str(rom)), frozenset({"--rom-mismatch-ok"})), site_of(tmp_path))
    assert "field" in "\n".join(caught.value.lines())


@pytest.mark.usefixtures("no_qemu")
def test_a_foreign_rom_goes_through_when_the_user_insists(tmp_path: Path) -> None:
    """Then the start comes as far as the hypervisor."""
    rom = tmp_path / "other.rom"
    rom.write_bytes(rom_for(0x10DE, 0x1C82))
    with pytest.raises(HostError, match="exit status 127"):
        start(StartRequest(definition(str(rom)), frozenset({"--rom-mismatch-ok"})), site_of(tmp_path))


@pytest.mark.usefixtures("no_qemu")
@pytest.mark.parametrize("rom", ["none", "auto"])
def test_a_start_that_fails_gives_everything_back(tmp_path: Path, rom: str) -> None:
    """The machine is as found, the journal closed, leases free, and the reason told with the hypervisor's words."""
    site = site_of(tmp_path)
    before = entries_of(site)
    with pytest.raises(HostError) as caught:
        start(StartRequest(definition(rom)), site)
    assert "No such file" in "\n".join(caught.value.lines())
    assert entries_of(site) == before
    assert site.journal.transactions() == ()
    assert site.leases.holder(GPU) is None
    observed = observe(site.run_dir("hmi"))
    assert observed.state is State.DEFINED
    assert observed.exit is not None
    assert observed.exit.status == 127


@pytest.mark.usefixtures("no_qemu")
def test_the_card_s_own_rom_is_read_kept_and_staged(tmp_path: Path) -> None:
    """`auto`: extracted once, with its provenance; the second start finds it in the store."""
    site = site_of(tmp_path)
    for _ in range(2):
        with pytest.raises(HostError):
            start(StartRequest(definition("auto")), site)
        assert site.run_dir("hmi").file("gpu.rom").read_bytes() == CARD
    purposes = [t.purpose for t in site.journal.transactions(open_only=False)]
    assert [p.split()[0] for p in purposes] == ["read", "claim", "claim"]
    assert len(list(site.paths.roms.glob("*.rom"))) == 1


@pytest.mark.usefixtures("no_qemu")
def test_a_card_whose_rom_cannot_be_read_starts_without(tmp_path: Path) -> None:
    """`auto` is a wish: the start goes on and says why there is none."""
    site = rehearsed_site(AMD_DGPU, tmp_path)
    with pytest.raises(HostError, match="ended while it was started"):
        start(StartRequest(definition("auto")), site)
    assert not site.run_dir("hmi").file("gpu.rom").exists()


@pytest.mark.usefixtures("no_qemu")
def test_an_older_version_of_the_card_s_rom_is_refused_under_the_lease(tmp_path: Path) -> None:
    """The ids are right, the card's own ROM is another: it is read to compare, and nothing stays claimed."""
    from build_rom import atom

    from dinrail.pci.rom_build import build

    old = tmp_path / "old.rom"
    board = (0x1043, 0x8694)  # as build_host gives it
    old.write_bytes(build(atom(version="001.000.000.000", board=board)))
    own = build(atom(version="015.001.000.000", board=board))
    site = rehearsed_site(AMD_DGPU, tmp_path, {GPU: own})
    before = entries_of(site)
    with pytest.raises(Refused, match="cannot be started") as caught:
        start(StartRequest(definition(str(old))), site)
    assert "vbios.version" in "\n".join(caught.value.lines())
    assert entries_of(site) == before
    assert site.leases.holder(GPU) is None


def test_a_host_without_iommu_is_refused_with_its_evidence(tmp_path: Path) -> None:
    """The passthrough rules are part of a guest's plan."""
    site = rehearsed_site(NO_IOMMU, tmp_path)
    with pytest.raises(Refused) as caught:
        start(StartRequest(guest(BODY + 'gpu = "00:02.0"\n')), site)
    assert "iommu.no-table" in "\n".join(caught.value.lines())


def test_a_device_of_a_running_guest_is_refused(tmp_path: Path) -> None:
    """Two guests, one device: the lease names the one that has it, and nothing is changed."""
    site = site_of(tmp_path)
    before = entries_of(site)
    with site.leases.take(GPU, owner=owner_of("data")), pytest.raises(Refused, match="in use by guest:data"):
        start(StartRequest(definition()), site)
    assert entries_of(site) == before
    assert observe(site.run_dir("hmi")).state is State.DEFINED


def test_the_second_start_is_refused(tmp_path: Path) -> None:
    """Whoever holds the guest's lock is at it; the other gets a clear refusal."""
    site = site_of(tmp_path)
    run = site.run_dir("hmi")
    lock = run.lock()
    assert lock is not None
    run.say(State.CLAIMING)
    with pytest.raises(Refused, match="the guest is claiming"):
        start(StartRequest(definition()), site)
    lock.close()


def running(site: Site, *, name: str = "hmi") -> int:
    """A guest whose hypervisor is a `sleep`, with its devices claimed and leased as a start does it."""
    run = site.run_dir(name)
    addresses = (GPU, PciAddress.parse(DGPU_AUDIO))
    lock = run.lock()
    assert lock is not None
    plan = plan_claim(read_facts(site.port.fetch(TOPICS)), addresses)
    leases = [site.leases.take(address, owner=owner_of(name)) for address in addresses]
    claim(site.port, site.journal, site.leases, plan, owner=owner_of(name), held=leases)
    run.write("plan.json", {"devices": [str(address) for address in addresses], "argv": []})
    run_keeper(run.path, ["sleep", "60"], (lock.fd, *(lease.fileno() for lease in leases)))
    for lease in leases:
        lease.close()
    lock.close()
    run.say(State.RUNNING)
    return pid_of(run.path)


@pytest.mark.parametrize("end", [kill, lambda name, site: stop(name, site, timeout_ns=0)])
def test_an_ended_guest_leaves_the_machine_as_found(tmp_path: Path, end: object) -> None:
    """Kill, and stop of a hypervisor that does not answer: same machine, no lease, exit known."""
    site = site_of(tmp_path)
    before = entries_of(site)
    running(site)
    assert entries_of(site) != before
    assert callable(end)
    observed = end("hmi", site)
    assert observed.state is State.DEFINED
    assert observed.exit.signal in (signal.SIGKILL, signal.SIGTERM)
    assert entries_of(site) == before
    assert site.leases.holder(GPU) is None


def test_a_guest_that_died_by_itself_is_given_back_by_stop(tmp_path: Path) -> None:
    """Also when nobody was looking; and by a start of another guest that wants its device."""
    site = site_of(tmp_path)
    before = entries_of(site)
    os.kill(running(site), signal.SIGSEGV)
    exit_of(site.run_dir("hmi").path)
    assert observe(site.run_dir("hmi")).state is State.CRASHED
    assert stop("hmi", site).state is State.DEFINED
    assert entries_of(site) == before


@pytest.mark.usefixtures("no_qemu")
def test_a_dead_guest_s_device_is_free_for_the_next(tmp_path: Path) -> None:
    """Its claim is taken back first, so that the journal knows the machine as it was before both."""
    site = site_of(tmp_path)
    before = entries_of(site)
    path = os.environ["PATH"]
    os.environ["PATH"] = os.defpath
    pid = running(site)
    os.environ["PATH"] = path
    os.kill(pid, signal.SIGKILL)
    exit_of(site.run_dir("hmi").path)
    with pytest.raises(HostError, match="ended while it was started"):
        start(StartRequest(definition(name="data")), site)
    assert observe(site.run_dir("hmi")).state is State.DEFINED
    assert entries_of(site) == before


def test_a_running_guest_s_claim_cannot_be_taken_away(tmp_path: Path) -> None:
    """Settling looks at the guest first; undo looks at the lease."""
    site = site_of(tmp_path)
    pid = running(site)
    assert settle_dead("hmi", site) is None
    assert observe(site.run_dir("hmi")).state is State.RUNNING
    with pytest.raises(Refused, match="in use by"):
        give_back(site.run_dir("hmi"), site)
    os.kill(pid, signal.SIGKILL)


def test_what_the_user_claimed_stays_claimed(tmp_path: Path) -> None:
    """A guest gives back what its own start took, nothing else."""
    site = site_of(tmp_path)
    addresses = (GPU, PciAddress.parse(DGPU_AUDIO))
    claim(
        site.port,
        site.journal,
        site.leases,
        plan_claim(read_facts(site.port.fetch(TOPICS)), addresses),
        owner="gpu claim",
    )
    claimed = entries_of(site)
    running(site)
    kill("hmi", site)
    assert entries_of(site) == claimed
    assert [t.owner for t in site.journal.transactions()] == ["gpu claim"]


def test_what_does_not_run_cannot_be_stopped(tmp_path: Path) -> None:
    """The refusal says what it is and how to start it."""
    with pytest.raises(Refused, match="the guest is defined") as caught:
        stop("hmi", site_of(tmp_path))
    assert caught.value.hint == "dinrail guest start hmi"


def test_a_start_that_was_killed_can_be_taken_back(tmp_path: Path) -> None:
    """Claimed, then gone without a word: the guest shows as crashed, and stop gives back."""
    site = site_of(tmp_path)
    before = entries_of(site)
    run = site.run_dir("hmi")
    lock = run.lock()
    assert lock is not None
    run.say(State.CLAIMING)
    plan = plan_claim(read_facts(site.port.fetch(TOPICS)), (GPU,))
    claim(site.port, site.journal, site.leases, replace(plan, findings=()), owner=owner_of("hmi"))
    lock.close()
    assert observe(run).state is State.CRASHED
    assert stop("hmi", site, timeout_ns=S_NS).state is State.DEFINED
    assert entries_of(site) == before
