"""The journal: written ahead, taken back by compare and set."""

from __future__ import annotations

import contextlib
import fcntl
import os
from dataclasses import replace
from pathlib import Path

import pytest
from build_host import AMD_DGPU, DGPU, DGPU_AUDIO
from hypothesis import given
from hypothesis import strategies as st

from dinrail.clock import ManualClock
from dinrail.errors import BadRequest, FormatError, HostError, Refused
from dinrail.finding import Evidence, Finding, Severity
from dinrail.host.journal import BOOT_ID, Journal, WorldMoved, open_journal
from dinrail.host.paths import Paths
from dinrail.host.records import Outcome, StepState, Transaction, begin_fields, encode_line, parse_log
from dinrail.host.rehearsal import RehearsedHost
from dinrail.machine.change import Change, ChangeKind, ChangePlan, Lasts
from dinrail.machine.sources import Entry, SourceKind
from dinrail.passthrough.claim import plan_claim
from dinrail.pci.address import PciAddress

RAW = AMD_DGPU.raw()
UNLOADED = replace(AMD_DGPU, vfio_pci_loaded=False).raw()
BOTH = (PciAddress.parse(DGPU), PciAddress.parse(DGPU_AUDIO))
CLAIM = plan_claim(AMD_DGPU.facts(), BOTH)
LOAD = Change(ChangeKind.MODULE, "vfio-pci", "", "loaded")
UNBIND = Change(ChangeKind.DRIVER, DGPU, "amdgpu", "")
OVERRIDE = Change(ChangeKind.DRIVER_OVERRIDE, DGPU, "", "vfio-pci")
BIND = Change(ChangeKind.DRIVER, DGPU, "", "vfio-pci")


@pytest.fixture
def host() -> RehearsedHost:
    return RehearsedHost(RAW, label="a rehearsal")


@pytest.fixture
def journal(tmp_path: Path, host: RehearsedHost) -> Journal:
    return open_journal(Paths(tmp_path, tmp_path), host, ManualClock())


def plan(*changes: Change, findings: tuple[Finding, ...] = ()) -> ChangePlan:
    return ChangePlan("a test", changes, findings)


def log_of(tmp_path: Path, number: int = 1) -> Path:
    return tmp_path / f"journal/{number:06d}.jsonl"


def values(host: RehearsedHost) -> dict[str, Entry]:
    """The machine's entries, links by their names alone."""
    shown = host.raw.entries
    return {k: replace(e, data=e.data.rpartition(b"/")[2]) if k.endswith("/driver") else e for k, e in shown.items()}


def test_a_plan_is_carried_out_and_stays_open(journal: Journal, host: RehearsedHost) -> None:
    """After a claim every step is done, the machine is as wanted, and the transaction stays open."""
    made = journal.carry_out(CLAIM, owner="guest hmi")
    assert made.states == (StepState.DONE,) * 6
    assert (host.current(BIND), host.current(OVERRIDE)) == ("vfio-pci", "vfio-pci")
    assert journal.transactions() == (made,)
    assert made.is_complete
    assert (made.owner, made.purpose) == ("guest hmi", f"claim {DGPU} {DGPU_AUDIO}")


def test_undo_leaves_the_machine_as_found(journal: Journal, host: RehearsedHost) -> None:
    """Undo walks back the last step first, and nothing is left of the claim."""
    found = values(host)
    journal.carry_out(CLAIM, owner="x")
    report = journal.undo()
    assert [step.change for step in report.steps] == list(reversed(CLAIM.changes))
    assert {step.outcome for step in report.steps} == {Outcome.PUT_BACK}
    assert values(host) == found
    assert journal.transactions() == ()
    assert journal.undo().steps == ()


def test_a_change_is_on_the_disk_before_it_is_made(tmp_path: Path) -> None:
    """When a change is made, its intent already stands in the journal, and its `done` does not."""
    seen: list[list[str]] = []
    host = RehearsedHost(RAW, label="x", on_change=lambda _: seen.append(log_of(tmp_path).read_text().splitlines()))
    open_journal(Paths(tmp_path, tmp_path), host).carry_out(plan(UNBIND, OVERRIDE), owner="x")
    assert ['"intent"' in lines[-1] for lines in seen] == [True, True]
    assert [len(lines) for lines in seen] == [2, 4]


def test_a_blocked_plan_is_refused_untouched(journal: Journal, tmp_path: Path) -> None:
    """A blocked plan is refused with its findings; nothing is written, not even a journal."""
    block = Finding("iommu.off", "host", Severity.BLOCK, "no IOMMU", (Evidence("/sys", "nothing"),))
    with pytest.raises(Refused) as raised:
        journal.carry_out(plan(UNBIND, findings=(block,)), owner="x")
    assert "evidence: /sys: nothing" in "\n".join(raised.value.lines())
    assert not (tmp_path / "journal").exists()


def test_a_world_that_moved_on_stops_the_plan(journal: Journal, host: RehearsedHost) -> None:
    """A value that is not what the plan was made for stops it, and what was made before is taken back."""
    stale = replace(OVERRIDE, before="pci-stub")
    with pytest.raises(WorldMoved) as raised:
        journal.carry_out(plan(UNBIND, stale), owner="x")
    assert "driver-override is none now, the plan was made for pci-stub" in str(raised.value)
    assert raised.value.exit_code == 1
    assert host.current(UNBIND) == "amdgpu"
    assert journal.transactions() == ()


def test_a_failure_takes_back_what_was_made(journal: Journal, host: RehearsedHost) -> None:
    """When the system refuses a step, the steps before it are taken back, and the error says so."""
    with pytest.raises(HostError) as raised:
        journal.carry_out(plan(UNBIND, BIND), owner="x")  # vfio-pci binds by override only
    assert raised.value.what.startswith("a test stopped: ")
    assert f"taken back: driver {DGPU}: put back (amdgpu)" in raised.value.details
    assert host.current(UNBIND) == "amdgpu"
    assert journal.transactions() == ()


def test_a_module_that_somebody_loaded_meanwhile_is_not_ours(tmp_path: Path) -> None:
    """A module that is loaded when its turn comes is taken as it is, and never unloaded by undo."""
    host = RehearsedHost(RAW, label="x")
    journal = open_journal(Paths(tmp_path, tmp_path), host)
    assert journal.carry_out(plan(LOAD, UNBIND), owner="x").states == (StepState.SKIPPED, StepState.DONE)
    assert [step.change for step in journal.undo().steps] == [UNBIND]
    assert host.current(LOAD) == "loaded"


def test_a_module_in_use_stays_loaded(tmp_path: Path) -> None:
    """Undo leaves a module that another device uses by now, and closes the transaction."""
    host = RehearsedHost(UNLOADED, label="x")
    journal = open_journal(Paths(tmp_path, tmp_path), host)
    first = journal.carry_out(plan(LOAD, UNBIND), owner="x")
    others = plan_claim(AMD_DGPU.facts(), BOTH).changes
    journal.carry_out(plan(*(change for change in others if change.target == DGPU_AUDIO)), owner="y")
    report = journal.undo(first.id)
    assert [(step.change.kind, step.outcome) for step in report.steps] == [
        (ChangeKind.DRIVER, Outcome.PUT_BACK),
        (ChangeKind.MODULE, Outcome.LEFT),
    ]
    assert "in use" in report.steps[1].reason
    assert first.id not in {t.id for t in journal.transactions()}


def test_undo_leaves_alone_what_others_changed(journal: Journal, host: RehearsedHost) -> None:
    """A value that is no longer ours is left as it is, with both values in the reason."""
    journal.carry_out(plan(OVERRIDE), owner="x")
    host.make(replace(OVERRIDE, want="pci-stub"))
    (step,) = journal.undo().steps
    assert step.outcome is Outcome.LEFT
    assert step.reason == "somebody changed it since: we had put vfio-pci, now it is pci-stub"
    assert host.current(OVERRIDE) == "pci-stub"
    assert journal.transactions() == ()


def test_undo_leaves_a_device_that_is_gone(tmp_path: Path) -> None:
    """A device that was pulled out is said to be gone, and the transaction is closed."""
    journal = open_journal(Paths(tmp_path, tmp_path), RehearsedHost(RAW, label="x"))
    journal.carry_out(plan(OVERRIDE), owner="x")
    gone = open_journal(Paths(tmp_path, tmp_path), RehearsedHost(AMD_DGPU.without(DGPU).raw(), label="x"))
    (step,) = gone.undo().steps
    assert step.outcome is Outcome.LEFT
    assert gone.transactions() == ()


@pytest.mark.parametrize(("lasts", "outcome"), [(Lasts.BOOT, Outcome.GONE), (Lasts.DISK, Outcome.PUT_BACK)])
def test_a_reboot_takes_back_what_lasts_until_boot(
    tmp_path: Path, host: RehearsedHost, lasts: Lasts, outcome: Outcome
) -> None:
    """After a reboot, changes that last until boot are closed; those on the disk are compared and put back."""
    open_journal(Paths(tmp_path, tmp_path), host).carry_out(plan(replace(OVERRIDE, lasts=lasts)), owner="x")
    entries = {**host.raw.entries, BOOT_ID: Entry(SourceKind.FILE, b"another boot\n")}
    rebooted = RehearsedHost(replace(host.raw, entries=entries), label="x")
    report = open_journal(Paths(tmp_path, tmp_path), rebooted).undo()
    assert [step.outcome for step in report.steps] == [outcome]


def test_a_step_between_two_drivers_may_be_found_without_any(tmp_path: Path) -> None:
    """A device that a crash left without a driver, between the one and the other, gets the first one back."""
    host = RehearsedHost(RAW, label="x")
    journal = open_journal(Paths(tmp_path, tmp_path), host)
    journal.carry_out(plan(Change(ChangeKind.DRIVER, DGPU, "amdgpu", "radeon")), owner="x")
    host.make(Change(ChangeKind.DRIVER, DGPU, "radeon", ""))
    assert journal.undo().steps[0].outcome is Outcome.PUT_BACK
    assert host.current(UNBIND) == "amdgpu"


class Stubborn(RehearsedHost):
    """A machine whose graphics driver cannot be bound again."""

    def make(self, change: Change) -> None:
        if change.want == "amdgpu":
            raise HostError("amdgpu does not want to")
        super().make(change)


def test_a_failed_undo_stays_open_and_other_devices_go_on(tmp_path: Path) -> None:
    """What cannot be put back stays open with its reason; other devices are given back all the same."""
    host = Stubborn(RAW, label="x")
    journal = open_journal(Paths(tmp_path, tmp_path), host)
    journal.carry_out(CLAIM, owner="x")
    report = journal.undo()
    assert not report.is_complete
    assert [(step.change.target, step.change.before) for step in report.failed] == [(DGPU, "amdgpu")]
    assert host.current(Change(ChangeKind.DRIVER, DGPU_AUDIO, "", "")) == "snd_hda_intel"
    assert len(journal.transactions()) == 1
    mended = RehearsedHost(host.raw, label="x")
    assert open_journal(Paths(tmp_path, tmp_path), mended).undo().is_complete
    assert mended.current(UNBIND) == "amdgpu"


def test_an_older_change_waits_for_a_newer_one(journal: Journal) -> None:
    """A transaction is not taken back from under a newer one of the same thing."""
    first = journal.carry_out(plan(UNBIND, OVERRIDE), owner="x")
    second = journal.carry_out(plan(BIND), owner="y")
    with pytest.raises(Refused, match=f"transaction {second.id}"):
        journal.undo(first.id)
    assert journal.undo_these([first.id, second.id]).is_complete


def test_a_preview_changes_nothing_and_tells_the_truth(journal: Journal, host: RehearsedHost, tmp_path: Path) -> None:
    """A preview's steps are those of the undo that follows it, and it touches neither host nor journal."""
    journal.carry_out(CLAIM, owner="x")
    before, log = host.raw, log_of(tmp_path).read_bytes()
    preview = journal.preview()
    assert (host.raw, log_of(tmp_path).read_bytes()) == (before, log)
    assert preview == journal.undo()


def test_unknown_and_closed_numbers(journal: Journal) -> None:
    """A number that does not exist is a bad request; a closed one gives no steps."""
    with pytest.raises(BadRequest, match="no transaction 7"):
        journal.undo(7)
    made = journal.carry_out(plan(OVERRIDE), owner="x")
    assert journal.undo(made.id).steps
    assert journal.undo(made.id).steps == ()


def test_a_plan_without_steps_leaves_nothing_open(journal: Journal) -> None:
    """Carrying out nothing is a closed transaction."""
    assert not journal.carry_out(plan(), owner="x").is_open
    assert journal.transactions() == ()


def test_another_dinrail_is_waited_for_and_named(journal: Journal, tmp_path: Path) -> None:
    """While another process holds the journal, a change waits for some seconds and is then refused, naming it."""
    (tmp_path / "journal").mkdir()
    fd = os.open(tmp_path / "journal/lock", os.O_RDWR | os.O_CREAT)
    os.write(fd, b"4711\n")
    fcntl.flock(fd, fcntl.LOCK_EX)
    with pytest.raises(Refused, match="pid 4711"):
        journal.carry_out(plan(OVERRIDE), owner="x")
    os.close(fd)
    journal.carry_out(plan(OVERRIDE), owner="x")


def test_a_damaged_file_stands_in_nobodys_way(journal: Journal, tmp_path: Path) -> None:
    """A journal file that was tampered with is reported and left; the other transactions are undone."""
    journal.carry_out(plan(UNBIND), owner="x")
    journal.carry_out(plan(OVERRIDE), owner="y")
    log = log_of(tmp_path)
    log.write_bytes(log.read_bytes().replace(b"amdgpu", b"nvidia"))
    (fault,) = journal.damaged()
    assert "record 0 is damaged" in str(fault)
    report = journal.undo()
    assert [step.change for step in report.steps] == [OVERRIDE]
    assert not report.is_complete
    with pytest.raises(FormatError):
        journal.undo(1)
    assert journal.carry_out(plan(), owner="z").id == 3


def test_a_host_that_names_no_boot_is_not_changed(tmp_path: Path) -> None:
    """Without a boot id nobody could tell later what the reboot took back, so nothing is changed."""
    entries = {k: e for k, e in RAW.entries.items() if k != BOOT_ID}
    journal = open_journal(Paths(tmp_path, tmp_path), RehearsedHost(replace(RAW, entries=entries), label="x"))
    with pytest.raises(HostError, match="which boot"):
        journal.carry_out(plan(OVERRIDE), owner="x")


def test_closed_transactions_are_pruned(journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal keeps the newest closed transactions and every open one."""
    monkeypatch.setattr("dinrail.host.logfile._KEPT_CLOSED", 2)
    journal.carry_out(plan(OVERRIDE), owner="kept")
    for _ in range(5):
        journal.carry_out(plan(), owner="x")
    assert [t.id for t in journal.transactions(open_only=False)] == [1, 4, 5, 6]


def whole_log() -> bytes:
    begun = Transaction(1, "p", "o", "b", 5, (UNBIND, OVERRIDE), (StepState.PLANNED,) * 2)
    fields = begin_fields(begun)
    lines = [
        ("begin", fields),
        *((kind, {"step": step}) for step in (0, 1) for kind in ("intent", "done")),
        ("end", {}),
    ]
    return b"".join(encode_line(seq, kind, given) for seq, (kind, given) in enumerate(lines))


def test_what_is_written_is_read_back() -> None:
    """A journal file gives its transaction back, closed and with all states."""
    log = parse_log(whole_log())
    assert log.transaction == Transaction(1, "p", "o", "b", 5, (UNBIND, OVERRIDE), (StepState.DONE,) * 2, ended=True)
    assert (log.lines, log.size_bytes) == (6, len(whole_log()))


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_a_flipped_byte_is_noticed(at: int, flip: int) -> None:
    """One damaged byte is a FormatError, or a torn last line."""
    data = bytearray(whole_log())
    data[at % len(data)] ^= flip
    with contextlib.suppress(FormatError):
        log = parse_log(bytes(data))
        assert log.transaction is None or log.transaction.torn


@given(st.one_of(st.binary(max_size=300), st.text(max_size=200).map(str.encode)), st.booleans())
def test_garbage_gives_a_value_or_the_declared_error(data: bytes, after_a_log: bool) -> None:
    """Any bytes are a journal file or a FormatError."""
    with contextlib.suppress(FormatError):
        parse_log(whole_log() + data if after_a_log else data)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    )
)
def test_sound_lines_with_senseless_contents_are_refused(value: object) -> None:
    """A line whose checksum is right but whose contents make no sense is a FormatError, not a crash."""
    for record in ("begin", "done", "intent", "end", "soup"):
        for fields in ({"plan": value, "id": value, "purpose": value}, {"step": value}):
            line = encode_line(0, record, fields)
            with contextlib.suppress(FormatError):
                assert parse_log(line + b"x").transaction is None
            begun = begin_fields(Transaction(1, "p", "o", "b", 5, (UNBIND,), (StepState.PLANNED,)))
            with contextlib.suppress(FormatError):
                parse_log(encode_line(0, "begin", begun | {"plan": value}))
                parse_log(encode_line(0, "begin", begun) + encode_line(1, record, fields))
