"""What a device with symbols needs to know about them, whoever knows: a table in this process, or a PLC's own.

Paths come from clients and are hostile; a source answers them with a place or an AdsFault, within bounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from dinrail.ams.symbol import UploadInfo
from dinrail.iec.types import Encoding, IecType, Method


class PointerStep(Protocol):
    """One dereference: read an address of `pointer_bytes`, go on `add_bytes` behind where it points."""

    @property
    def pointer_bytes(self) -> int: ...

    @property
    def add_bytes(self) -> int: ...


class SymbolPlace(Protocol):
    """Where a path leads.

    path:          in the declared spelling.
    group, offset: of its bytes; of the first pointer where `steps` has any.
    size_bytes:    of the value; 1 for a bit, whose position in its byte is `bit`.
    method:        what `path#Method` names; the place is then the instance's.
    """

    @property
    def path(self) -> str: ...

    @property
    def type(self) -> IecType: ...

    @property
    def group(self) -> int: ...

    @property
    def offset(self) -> int: ...

    @property
    def size_bytes(self) -> int: ...

    @property
    def bit(self) -> int | None: ...

    @property
    def read_only(self) -> bool: ...

    @property
    def steps(self) -> Sequence[PointerStep]: ...

    @property
    def method(self) -> Method | None: ...

    @property
    def address(self) -> tuple[int, int]:
        """(index group, index offset) as clients are told it."""


class SymbolSource(Protocol):
    """Symbols by name and by address."""

    @property
    def encoding(self) -> Encoding:
        """Of names on the wire."""

    def find(self, path: str) -> SymbolPlace:
        """Raises AdsFault SYMBOL_NOT_FOUND or INVALID_ARRAY_INDEX."""

    def containing(self, group: int, offset: int, size_bytes: int, *, bit: int | None = None) -> tuple[str, ...]:
        """Paths of all that contains the range, outermost first."""

    def is_read_only(self, group: int, offset: int, size_bytes: int) -> bool:
        """Whether any byte of the range belongs to a symbol that may not be written."""


class SymbolUploads(Protocol):
    """The entries that clients load. Source: TwinCAT SDK Ads.h (AdsSymbolEntry, AdsDatatypeEntry)."""

    @property
    def symbols(self) -> bytes:
        """0xF00B: all symbols."""

    @property
    def types(self) -> bytes:
        """0xF00E: all data types."""

    def info(self, *, max_dynamic: int = 0, used_dynamic: int = 0) -> UploadInfo:
        """0xF00C, 0xF00F: counts, sizes, code page, flags; handles are what is dynamic."""

    def symbol_entry(self, path: str) -> bytes:
        """0xF009: one symbol, member or element. Raises AdsFault SYMBOL_NOT_FOUND, INVALID_ARRAY_INDEX."""

    def type_entry(self, name: str) -> bytes:
        """0xF011: one type. Raises AdsFault SYMBOL_NOT_FOUND."""
