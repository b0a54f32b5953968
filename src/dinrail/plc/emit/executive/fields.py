"""Records in memory by their fields' names: offsets and widths come from the very tables that Python reads."""

from __future__ import annotations

from dinrail.layout import layout_of
from dinrail.plc.emit.executive.code import Code, Value

_KIND = {1: "i8", 2: "i16", 4: "i32", 8: "i64"}


class Fields:
    """One record at an address."""

    def __init__(self, code: Code, address: Value, kind: type) -> None:
        self.code = code
        self.address = address
        self._specs = dict(layout_of(kind).fields)

    def at(self, name: str) -> Value:
        """A field's address."""
        return self.address + self._specs[name].offset

    def get(self, name: str, order: str = "") -> Value:
        spec = self._specs[name]
        return self.code.load(self.address, spec.offset, _KIND[spec.size_bytes], order)

    def pointer(self, name: str, order: str = "") -> Value:
        """A field that holds an address."""
        return self.code.load(self.address, self._specs[name].offset, "ptr", order)

    def set(self, name: str, value: Value | int, order: str = "") -> None:
        spec = self._specs[name]
        self.code.store(value, self.address, spec.offset, _KIND[spec.size_bytes], order)

    def add(self, name: str, value: Value | int = 1) -> Value:
        """Add to a field; the new value."""
        total = self.get(name) + value
        self.set(name, total)
        return total
