"""Archives of hosts: there and back, and whatever else somebody may send."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from build_host import AMD_DGPU, DGPU
from hypothesis import given
from hypothesis import strategies as st

from dinrail.errors import FormatError, Refused
from dinrail.host import archive
from dinrail.host.archive import pack, read_archive, unpack, write_archive
from dinrail.host.contents import telling
from dinrail.host.recorded import RecordedHost
from dinrail.machine.change import Change, ChangeKind
from dinrail.machine.sources import Entry, Raw, SourceKind, Topic

RAW = AMD_DGPU.raw()
META = {"dinrail": "0.1.0", "time": "2026-01-31T12:00:00Z"}

names = st.text("abcdefghij.-_0123456789:", min_size=1, max_size=12).filter(lambda text: set(text) - {"."})
paths = st.lists(names, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
entries = st.builds(
    Entry,
    kind=st.sampled_from([SourceKind.FILE, SourceKind.LINK, SourceKind.NAMES, SourceKind.EXISTS]),
    data=st.binary(max_size=200),
    fault=st.sampled_from(["", "EACCES", "EIO"]),
    cut=st.booleans(),
)
commands = st.builds(
    Entry,
    kind=st.just(SourceKind.COMMAND),
    data=st.binary(max_size=50),
    status=st.integers(min_value=-64, max_value=255),
)
raws = st.builds(
    lambda files, outputs, topics: Raw("linux", {**files, **{f"command:{k}": v for k, v in outputs.items()}}, topics),
    st.dictionaries(paths, entries, max_size=6),
    st.dictionaries(names.filter(lambda name: ":" not in name), commands, max_size=2),
    st.frozensets(st.sampled_from(Topic)),
)


def tar_of(members: dict[str, bytes], *, kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size = kind, link, len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def manifest(**fields: object) -> bytes:
    whole = {"format": "dinrail-host", "version": 1, "system": "linux", "topics": [], "meta": {}, "entries": []}
    return json.dumps(whole | fields).encode()


@given(raws)
def test_any_host_comes_back_as_it_went_in(raw: Raw) -> None:
    """What is written is read back equal: every byte, fault, status and mark."""
    assert unpack(pack(raw, META)).raw == raw


def test_the_same_facts_give_the_same_bytes() -> None:
    """An archive does not depend on the order of its entries, nor on when it was packed."""
    backwards = replace(RAW, entries=dict(reversed(RAW.entries.items())))
    assert pack(RAW, META) == pack(backwards, META)


def test_a_person_can_read_it(tmp_path: Path) -> None:
    """Files lie in the tar under their own paths, and the manifest shows links and names as text."""
    write_archive(RAW, tmp_path / "host.tar.gz", META)
    with tarfile.open(tmp_path / "host.tar.gz") as tar:
        assert tar.getnames()[0] == "host/manifest.json"
        file = tar.extractfile("host/files/proc/cmdline")
        assert file is not None
        assert file.read() == RAW.entries["/proc/cmdline"].data
        listed = tar.extractfile("host/manifest.json")
        assert listed is not None
        assert '"text": "../../../../bus/pci/drivers/amdgpu"' in listed.read().decode()
    assert read_archive(tmp_path / "host.tar.gz").meta == META


def test_a_plain_tar_is_taken_too() -> None:
    """An archive that somebody unpacked and packed again without compression is read."""
    assert unpack(gzip.decompress(pack(RAW, META))).raw == RAW


@given(st.binary(max_size=600))
def test_garbage_is_no_archive(data: bytes) -> None:
    """Any bytes give an archive or a FormatError."""
    for candidate in (data, gzip.compress(data), tar_of({"host/manifest.json": data})):
        with pytest.raises(FormatError):
            unpack(candidate)


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_a_flipped_byte_gives_a_value_or_the_declared_error(at: int, flip: int) -> None:
    """One damaged byte anywhere in the tar gives a value or a FormatError."""
    data = bytearray(SMALL)
    data[at % len(data)] ^= flip
    with contextlib.suppress(FormatError):
        unpack(bytes(data))


SMALL = gzip.decompress(pack(Raw("linux", {"/a/b": Entry(SourceKind.FILE, b"bytes")}, frozenset(Topic)), META))


@pytest.mark.parametrize("size", [0, 1, 10, 100, 500])
def test_a_cut_archive_is_refused(size: int) -> None:
    """An archive that ends early is a FormatError."""
    with pytest.raises(FormatError):
        unpack(pack(RAW, META)[:size])


@pytest.mark.parametrize("name", ["/etc/passwd", "host/../../etc/passwd", "elsewhere/file"])
def test_members_outside_are_refused(name: str) -> None:
    """A member that lies outside of host/ is refused."""
    with pytest.raises(FormatError, match="outside"):
        unpack(tar_of({"host/manifest.json": manifest(), name: b""}))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(kind: bytes) -> None:
    """A member that is no plain file is refused."""
    with pytest.raises(FormatError, match="no plain file"):
        unpack(tar_of({"host/files/x": b""}, kind=kind, link="/etc/shadow"))


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive that unpacks to more than the cap is refused before it is in memory."""
    monkeypatch.setattr(archive, "MAX_TAR_BYTES", 10_000)
    with pytest.raises(FormatError, match="more than 10000 bytes"):
        unpack(gzip.compress(bytes(1_000_000)))


def test_too_many_members_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of members is capped."""
    monkeypatch.setattr(archive, "MAX_MEMBERS", 5)
    with pytest.raises(FormatError, match="more than 5 members"):
        unpack(tar_of({f"host/files/{n}": b"" for n in range(6)}))


@pytest.mark.parametrize(
    "fields",
    [
        {"format": "other"},
        {"version": 2},
        {"system": 3},
        {"topics": "pci"},
        {"topics": [1]},
        {"meta": []},
        {"meta": {"time": 3}},
        {"entries": {}},
        {"entries": [3]},
        {"entries": [{"key": "/a", "kind": "soup"}]},
        {"entries": [{"key": "/a", "kind": ["file"]}]},
        {"entries": [{"key": 3, "kind": "file"}]},
        {"entries": [{"key": "/a", "kind": "file", "status": 1e9}]},
        {"entries": [{"key": "/a", "kind": "file", "cut": "yes"}]},
        {"entries": [{"key": "/a", "kind": "file", "size_bytes": 5}]},
        {"entries": [{"key": "/a", "kind": "link", "text": "\ud800"}]},
    ],
)
def test_a_manifest_is_checked_field_by_field(fields: dict[str, object]) -> None:
    """Every field of the manifest that is not what it should be is a FormatError."""
    with pytest.raises(FormatError):
        unpack(tar_of({"host/manifest.json": manifest(**fields)}))


def test_topics_of_a_newer_program_are_passed_over() -> None:
    """A topic that this program does not know does not make the archive unreadable."""
    found = unpack(tar_of({"host/manifest.json": manifest(topics=["pci", "weather"])}))
    assert found.raw.topics == {Topic.PCI}


def test_a_recorded_host_gives_each_topic_its_own_bytes(tmp_path: Path) -> None:
    """A topic gets what the machine would have given for it alone: other entries are absent, long files cut."""
    whole = RAW.entries[f"/sys/bus/pci/devices/{DGPU}/config"]
    longer = {**RAW.entries, f"/sys/bus/pci/devices/{DGPU}/config": replace(whole, data=whole.data.ljust(256, b"x"))}
    host = RecordedHost(replace(RAW, entries=longer), label="x")
    raw = host.fetch([Topic.PCI])
    config = raw.entries[f"/sys/bus/pci/devices/{DGPU}/config"]
    assert (len(config.data), config.cut) == (64, True)
    assert len(host.fetch([Topic.PCI, Topic.PCI_CONFIG]).entries[f"/sys/bus/pci/devices/{DGPU}/config"].data) == 256
    assert "/proc/cmdline" not in raw.entries
    assert set(host.fetch([Topic.KERNEL]).entries) >= {"/proc/cmdline", "/boot/config-6.1.0-40-amd64"}
    assert host.fetch(Topic).entries.keys() == longer.keys()


def test_what_was_not_collected_stays_unasked() -> None:
    """A topic that the archive does not have is missing from the answer's topics."""
    host = RecordedHost(replace(RAW, topics=frozenset({Topic.PCI})), label="x")
    assert host.fetch([Topic.PCI, Topic.CPU]).topics == {Topic.PCI}


def test_a_recorded_host_refuses_changes() -> None:
    """An archive is never changed: the refusal names it, and the rehearsal."""
    host = RecordedHost(RAW, label="press-7.tar.gz")
    change = Change(ChangeKind.DRIVER, DGPU, "amdgpu", "")
    assert (host.current(change), host.is_live) == ("amdgpu", False)
    with pytest.raises(Refused, match=r"press-7\.tar\.gz is a recorded host") as raised:
        host.make(change)
    assert "--dry-run" in (raised.value.hint or "")


def test_what_identifies_the_machine_is_pointed_out() -> None:
    """Names, boot ids, ACPI headers and devices with serial numbers are listed from the bytes that are there."""
    config = f"/sys/bus/pci/devices/{DGPU}/config"
    with_serial = bytearray(4096)
    with_serial[0x100:0x104] = (0x0003 | 1 << 16).to_bytes(4, "little")  # extended capability 3: device serial number
    found = telling(replace(RAW, entries={**RAW.entries, config: Entry(SourceKind.FILE, bytes(with_serial))}))
    sources = {source for item in found for source in item.sources}
    assert sources >= {"/proc/sys/kernel/hostname", "/sys/firmware/acpi/tables/IVRS", config}
    assert config not in {source for item in telling(RAW) for source in item.sources}
