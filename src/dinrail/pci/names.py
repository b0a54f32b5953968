"""Names from the PCI ID database (pci.ids), found without reading all of it.

The file is 1.3 MB and a machine has a few dozen ids. An index of everything takes half a second in Python; finding a
vendor's block with `bytes.find` and the device inside it takes about a millisecond, so that is what is done. Format
(from the file's own head): `vvvv  name`, a tab and `dddd  name`, two tabs and `ssss ssss  name`; classes the same way
below `C bb  name`.
"""

from __future__ import annotations

import re

_BLOCK_END = re.compile(rb"\n(?:C )?[0-9a-fA-F]{2}")
_DEVICE_END = re.compile(rb"\n\t?[^\t#\n]")


class PciNames:
    """Looks ids up in the bytes of a pci.ids file. Every look-up gives None for what the file does not name.

    The file is taken as it is: damaged lines simply name nothing. Blocks once found are kept, nothing else changes.
    """

    __slots__ = ("_blocks", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = b"\n" + data
        self._blocks: dict[bytes, tuple[int, int] | None] = {}

    def vendor(self, vendor_id: int) -> str | None:
        block = self._block(b"\n%04x  " % vendor_id)
        return self._line(block[0]) if block else None

    def device(self, vendor_id: int, device_id: int) -> str | None:
        at = self._device(vendor_id, device_id)
        return self._line(at) if at is not None else None

    def subsystem(self, vendor_id: int, device_id: int, subsystem_vendor_id: int, subsystem_id: int) -> str | None:
        """The board's name; the device's own where the board carries the device's ids (as lspci does)."""
        at = self._device(vendor_id, device_id)
        if at is not None:
            end = _DEVICE_END.search(self._data, at)
            key = b"\n\t\t%04x %04x  " % (subsystem_vendor_id, subsystem_id)
            found = self._data.find(key, at, end.start() if end else len(self._data))
            if found >= 0:
                return self._line(found + len(key))
        if (vendor_id, device_id) == (subsystem_vendor_id, subsystem_id):
            return self.device(vendor_id, device_id)
        return None

    def class_name(self, class_code: int) -> str | None:
        """The sub class's name (`VGA compatible controller`), else the base class's. `class_code` has 24 bits."""
        block = self._block(b"\nC %02x  " % (class_code >> 16 & 0xFF))
        if block is None:
            return None
        at = self._inside(block, b"\n\t%02x  " % (class_code >> 8 & 0xFF))
        return self._line(block[0] if at is None else at)

    def interface(self, class_code: int) -> str | None:
        """The programming interface's name (`XHCI`)."""
        block = self._block(b"\nC %02x  " % (class_code >> 16 & 0xFF))
        at = self._inside(block, b"\n\t%02x  " % (class_code >> 8 & 0xFF)) if block else None
        if at is None:
            return None
        end = _DEVICE_END.search(self._data, at)
        found = self._inside((at, end.start() if end else len(self._data)), b"\n\t\t%02x  " % (class_code & 0xFF))
        return self._line(found) if found is not None else None

    def _device(self, vendor_id: int, device_id: int) -> int | None:
        block = self._block(b"\n%04x  " % vendor_id)
        return self._inside(block, b"\n\t%04x  " % device_id) if block else None

    def _block(self, key: bytes) -> tuple[int, int] | None:
        """Where the name after `key` starts, and where the lines that belong to it end."""
        if key not in self._blocks:
            at = self._data.find(key)
            end = _BLOCK_END.search(self._data, at + len(key)) if at >= 0 else None
            stop = end.start() if end else len(self._data)
            self._blocks[key] = (at + len(key), stop) if at >= 0 else None
        return self._blocks[key]

    def _inside(self, block: tuple[int, int], key: bytes) -> int | None:
        at = self._data.find(key, *block)
        return at + len(key) if at >= 0 else None

    def _line(self, at: int) -> str:
        end = self._data.find(b"\n", at)
        line = self._data[at : end if end >= 0 else len(self._data)]
        return line.decode("utf-8", "replace").strip()
