"""Journal files on the disk: one file per transaction, appended to and fsync'd record by record."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from dinrail.errors import FormatError
from dinrail.files import fsync_directory, os_refusal, read_file, write_all
from dinrail.host import records
from dinrail.host.records import Outcome, StepState, Transaction

_KEPT_CLOSED = 200
_SUFFIX = ".jsonl"


def log_path(directory: Path, transaction_id: int) -> Path:
    return directory / f"{transaction_id:06d}{_SUFFIX}"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All journal files of one directory. `damaged` are those that cannot be believed, each with its reason.

    next_id: greater than the number of every file, whole or not.
    """

    transactions: tuple[Transaction, ...]
    damaged: tuple[FormatError, ...]
    next_id: int


def read_catalogue(directory: Path) -> Catalogue:
    """Every transaction, oldest first. A directory that does not exist holds none. Raises HostError."""
    found: list[Transaction] = []
    damaged: list[FormatError] = []
    next_id = 1
    for path in _log_paths(directory):
        next_id = int(path.stem) + 1
        try:
            transaction = read_log(path).transaction
        except FormatError as fault:
            damaged.append(fault)
        else:
            found += [transaction] if transaction is not None else []
    return Catalogue(tuple(found), tuple(damaged), next_id)


def _log_paths(directory: Path) -> list[Path]:
    try:
        return sorted(p for p in directory.iterdir() if p.suffix == _SUFFIX and p.stem.isascii() and p.stem.isdigit())
    except FileNotFoundError:
        return []
    except OSError as fault:
        raise os_refusal(fault, "list the journal", directory) from fault


def read_log(path: Path) -> records.Log:
    """One file. Raises FormatError, HostError."""
    log = records.parse_log(read_file(path, max_bytes=records.MAX_BYTES), where=str(path))
    if log.transaction is not None and log.transaction.id != int(path.stem):
        raise FormatError(
            f"the transaction calls itself {log.transaction.id}", structure="journal", field="id", where=str(path)
        )
    return log


def prune(directory: Path, transactions: tuple[Transaction, ...]) -> None:
    """Remove the oldest closed transactions, so that the journal does not grow for ever. Raises HostError."""
    closed = [t for t in transactions if t.ended]
    for transaction in closed[: max(0, len(closed) - _KEPT_CLOSED)]:
        path = log_path(directory, transaction.id)
        try:
            path.unlink(missing_ok=True)
        except OSError as fault:
            raise os_refusal(fault, "remove a closed transaction", path) from fault


class LogFile:
    """One open journal file: every method returns after its record is on the disk. Raises HostError."""

    def __init__(self, path: Path, fd: int, transaction: Transaction, lines: int) -> None:
        self.transaction = transaction
        self._path = path
        self._fd = fd
        self._lines = lines

    def intend(self, step: int) -> None:
        """From here on the change may have been made."""
        self._mark(step, StepState.INTENDED, "intent")

    def done(self, step: int) -> None:
        self._mark(step, StepState.DONE, "done")

    def skipped(self, step: int, reason: str) -> None:
        self._mark(step, StepState.SKIPPED, "skipped", reason=reason)

    def undone(self, step: int, outcome: Outcome, reason: str) -> None:
        self._mark(step, StepState.UNDONE, "undone", outcome=outcome.value, reason=reason)

    def end(self) -> None:
        self._append("end", {})
        self.transaction = replace(self.transaction, ended=True)

    def _mark(self, step: int, state: StepState, record: str, **fields: object) -> None:
        self._append(record, {"step": step, **fields})
        states = self.transaction.states
        self.transaction = replace(self.transaction, states=(*states[:step], state, *states[step + 1 :]))

    def _append(self, record: str, fields: dict[str, object]) -> None:
        try:
            write_all(self._fd, records.encode_line(self._lines, record, fields))
            os.fsync(self._fd)
        except OSError as fault:
            raise os_refusal(fault, f"write the record {record!r}", self._path) from fault
        self._lines += 1

    def begin(self) -> None:
        """The first record, and the file's name in its directory."""
        self._append("begin", records.begin_fields(self.transaction))
        fsync_directory(self._path.parent)


@contextmanager
def create_log(directory: Path, transaction: Transaction) -> Iterator[LogFile]:
    """A new file with its first record. Raises HostError."""
    path = log_path(directory, transaction.id)
    with _opened(path, os.O_CREAT | os.O_EXCL) as fd:
        log = LogFile(path, fd, transaction, 0)
        log.begin()
        yield log


@contextmanager
def continue_log(directory: Path, transaction_id: int) -> Iterator[LogFile]:
    """An existing file, ready to append: a torn last line is cut off first. Raises FormatError, HostError."""
    path = log_path(directory, transaction_id)
    log = read_log(path)
    if log.transaction is None:
        raise FormatError("the file holds no whole record", structure="journal", where=str(path))
    with _opened(path, 0) as fd:
        if log.transaction.torn:
            try:
                os.ftruncate(fd, log.size_bytes)
                os.fsync(fd)
            except OSError as fault:
                raise os_refusal(fault, "cut off the torn last line", path) from fault
        yield LogFile(path, fd, log.transaction, log.lines)


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | flags, 0o644)
    except OSError as fault:
        raise os_refusal(fault, "open the journal file", path) from fault
    try:
        yield fd
    finally:
        os.close(fd)
