"""A host as one file: what `dinrail collect` writes and `--host FILE` reads. A tar that a person can unpack and read.

    host/manifest.json      what was fetched: kind, fault, exit status; short values (links, names) stand right there
    host/files/sys/...      the files' bytes under their own paths
    host/commands/NAME      standard output of commands
    host/probes/NAME        answers of probes

The same facts give the same bytes: members are sorted, owners and times are fixed. An archive comes from anywhere, so
reading one believes nothing: everything is counted and capped before it is kept, nothing is unpacked to a disk, and
whatever is wrong is a FormatError. JSON in a tar was taken, and not a pickle or a database, because a bug report has to
be readable by the one who sends it.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

from dinrail.errors import FormatError
from dinrail.files import atomic_write, read_file
from dinrail.machine.sources import Entry, Raw, SourceKind, Topic

FORMAT = "dinrail-host"
VERSION = 1
MAX_FILE_BYTES = 64 << 20
MAX_TAR_BYTES = 128 << 20
MAX_MEMBERS = 50_000
MAX_ENTRIES = 100_000
_MANIFEST = "host/manifest.json"
_FOLDERS = {SourceKind.FILE: "host/files", SourceKind.COMMAND: "host/commands/", SourceKind.PROBE: "host/probes/"}
_GZIP_MAGIC = b"\x1f\x8b"
_BROKEN_TAR = (tarfile.TarError, ValueError, OverflowError, EOFError, IndexError, KeyError, RecursionError, OSError)


@dataclass(frozen=True, slots=True)
class Archive:
    """What an archive holds. `meta`: who wrote it and when (`dinrail`, `time`), as text."""

    raw: Raw
    meta: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Manifest:
    system: str
    topics: frozenset[str]
    meta: Mapping[str, str]
    rows: list[object]


def write_archive(raw: Raw, path: Path, meta: Mapping[str, str]) -> None:
    """Write the file, or leave what was there. Raises HostError."""
    atomic_write(path, pack(raw, meta))


def read_archive(path: Path) -> Archive:
    """Raises FormatError for anything that is no such archive, HostError when it cannot be read."""
    return unpack(read_file(path, max_bytes=MAX_FILE_BYTES), where=str(path))


def pack(raw: Raw, meta: Mapping[str, str]) -> bytes:
    """The archive's bytes."""
    members: dict[str, bytes] = {}
    rows = []
    for key in sorted(raw.entries):
        entry = raw.entries[key]
        row: dict[str, object] = {"key": key, "kind": entry.kind.value}
        row |= {name: value for name, value in (("fault", entry.fault), ("status", entry.status)) if value}
        row |= {"cut": True} if entry.cut else {}
        if entry.kind in _FOLDERS and entry.data:
            members[_member(key, entry.kind)] = entry.data
            row["size_bytes"] = len(entry.data)
        elif entry.data:
            row["text"] = entry.data.decode("utf-8", "surrogateescape")
        rows.append(row)
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "system": raw.system,
        "topics": sorted(raw.topics),
        "meta": dict(sorted(meta.items())),
        "entries": rows,
    }
    return _tar({_MANIFEST: json.dumps(manifest, indent=1).encode() + b"\n", **members})


def unpack(data: bytes, *, where: str | None = None) -> Archive:
    """The reverse. Raises FormatError, and nothing else whatever the bytes are."""
    members = dict(_members(_decompress(data, where), where))
    if _MANIFEST not in members:
        raise _fault(f"there is no {_MANIFEST} in it", None, where)
    manifest = _manifest(members[_MANIFEST], where)
    topics = frozenset(topic for topic in Topic if topic in manifest.topics)  # a newer program may know more
    entries = dict(_entry(row, members, where) for row in manifest.rows)
    return Archive(Raw(manifest.system, entries, topics), manifest.meta)


def _fault(what: str, field: str | None, where: str | None) -> FormatError:
    return FormatError(what, structure="host archive", field=field, where=where, hint="`dinrail collect` makes one")


def _member(key: str, kind: SourceKind) -> str:
    return _FOLDERS[kind] + (key if kind is SourceKind.FILE else key.partition(":")[2])


def _tar(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, data in members.items():  # the manifest first, then as sorted by `pack`
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def _decompress(data: bytes, where: str | None) -> bytes:
    """The tar itself, at most MAX_TAR_BYTES of it; a plain tar is taken as it is."""
    if not data.startswith(_GZIP_MAGIC):
        return data
    machine = zlib.decompressobj(wbits=31)
    try:
        plain = machine.decompress(data, MAX_TAR_BYTES)
    except zlib.error as fault:
        raise _fault("the compression is damaged", None, where) from fault
    if machine.unconsumed_tail:
        raise _fault(f"it unpacks to more than {MAX_TAR_BYTES} bytes", None, where)
    if not machine.eof:
        raise _fault("the file ends early", None, where)
    return plain


def _members(data: bytes, where: str | None) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of the regular files. Links, devices and sparse files have no place in an archive of facts."""
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            for count, info in enumerate(tar):
                if count >= MAX_MEMBERS:
                    raise _fault(f"more than {MAX_MEMBERS} members", None, where)
                if info.isdir():
                    continue
                if not info.isreg() or info.issparse() or not 0 <= info.size <= len(data):
                    raise _fault(f"the member {info.name!r} is no plain file", None, where)
                if not info.name.startswith("host/") or ".." in info.name.split("/"):
                    raise _fault(f"the member {info.name!r} lies outside of host/", None, where)
                file = tar.extractfile(info)
                content = file.read() if file is not None else b""
                if len(content) != info.size:
                    raise _fault(f"the member {info.name!r} ends early", None, where)
                yield info.name, content
    except _BROKEN_TAR as fault:
        raise _fault(f"no tar, or a damaged one: {fault}", None, where) from fault


def _manifest(data: bytes, where: str | None) -> _Manifest:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as fault:
        raise _fault("no JSON", _MANIFEST, where) from fault
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise _fault(f"it does not call itself {FORMAT}", "format", where)
    if document.get("version") != VERSION:
        raise _fault(f"version {document.get('version')!r}; this program reads {VERSION}", "version", where)
    system, topics, meta, rows = (document.get(name) for name in ("system", "topics", "meta", "entries"))
    if not isinstance(system, str):
        raise _fault("no text", "system", where)
    if not _is_texts(topics):
        raise _fault("no list of texts", "topics", where)
    if not isinstance(meta, dict) or not _is_texts(list(meta.values())):
        raise _fault("no object of texts", "meta", where)
    if not isinstance(rows, list) or len(rows) > MAX_ENTRIES:
        raise _fault(f"no list of at most {MAX_ENTRIES} entries", "entries", where)
    return _Manifest(system, frozenset(topics), meta, rows)


def _is_texts(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _entry(row: object, members: Mapping[str, bytes], where: str | None) -> tuple[str, Entry]:
    """One row of the manifest with its bytes."""
    if not isinstance(row, dict):
        raise _fault("an entry is no object", "entries", where)
    key, fault, status = row.get("key"), row.get("fault", ""), row.get("status", 0)
    cut, size_bytes, text = row.get("cut", False), row.get("size_bytes"), row.get("text", "")
    for name, value, wanted in (("key", key, str), ("fault", fault, str), ("cut", cut, bool), ("text", text, str)):
        if not isinstance(value, wanted):
            raise _fault(f"an entry's {name} is no {wanted.__name__}", "entries", where)
    if type(status) is not int or not -256 < status < 256:
        raise _fault(f"an exit status of {status!r}", "entries", where)
    if row.get("kind") not in list(SourceKind):
        raise _fault(f"an entry of kind {row.get('kind')!r}", "entries", where)
    kind = SourceKind(row["kind"])
    if size_bytes is None:
        data = _bytes_of(str(text), where)
    else:
        data = members.get(_member(str(key), kind), b"") if kind in _FOLDERS else b""
        if len(data) != size_bytes:
            raise _fault(f"{key} has {len(data)} bytes, the manifest says {size_bytes!r}", "entries", where)
    return str(key), Entry(kind, data, fault=str(fault), status=status, cut=bool(cut))


def _bytes_of(text: str, where: str | None) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as fault:
        raise _fault("a text that no bytes can have given", "entries", where) from fault
