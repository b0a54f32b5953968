"""The step interpreter's memory: segments of bytes behind virtual addresses, a stack of frames, a heap.

An address is (segment number << 32) + offset, so a wild one never falls into a neighbour by accident.
"""

from __future__ import annotations

from dataclasses import dataclass, field

DATA, INPUTS, OUTPUTS, MARKERS, CONSTANTS, STACK, HEAP = range(1, 8)
STACK_BYTES = 1 << 20
HEAP_BYTES = 1 << 20
POISON = 0xA5
"""What fresh frames hold. The C oracle takes another value, so a read of a local never set shows as a difference."""


class Wild(Exception):
    """An access outside of every segment: never right, whatever the program's own checks say."""


def base_of(segment: int) -> int:
    """The address of a segment's first byte."""
    return segment << 32


@dataclass(slots=True)
class Memory:
    """All bytes of an application."""

    segments: dict[int, bytearray] = field(default_factory=dict)
    constants: dict[bytes, int] = field(default_factory=dict)
    stack_top: int = 0
    heap: dict[int, int] = field(default_factory=dict)  # address -> bytes
    heap_top: int = 16

    def add(self, segment: int, data: bytes) -> None:
        self.segments[segment] = bytearray(data)

    def find(self, address: int, size_bytes: int) -> tuple[bytearray, int]:
        """The segment that holds these bytes, and where in it."""
        segment, at = self.segments.get(address >> 32), address & 0xFFFFFFFF
        if segment is None or at + size_bytes > len(segment):
            raise Wild(f"{size_bytes} bytes at {address:#x}")
        return segment, at

    def read(self, address: int, size_bytes: int) -> bytes:
        segment, at = self.find(address, size_bytes)
        return bytes(segment[at : at + size_bytes])

    def write(self, address: int, data: bytes) -> None:
        if address >> 32 == CONSTANTS:
            raise Wild(f"write of a constant at {address:#x}")
        segment, at = self.find(address, len(data))
        segment[at : at + len(data)] = data

    def constant(self, data: bytes) -> int:
        """Where these constant bytes lie."""
        if data not in self.constants:
            segment = self.segments.setdefault(CONSTANTS, bytearray())
            segment.extend(bytes(-len(segment) % 16))
            self.constants[data] = base_of(CONSTANTS) + len(segment)
            segment.extend(data)
        return self.constants[data]

    def push(self, size_bytes: int) -> int:
        """A fresh piece of stack, poisoned. The caller puts `stack_top` back."""
        at = self.stack_top
        self.stack_top = at + (size_bytes + 15) // 16 * 16
        if self.stack_top > STACK_BYTES:
            raise Wild("the stack is full")
        self.segments[STACK][at : self.stack_top] = bytes([POISON]) * (self.stack_top - at)
        return base_of(STACK) + at

    def allocate(self, size_bytes: int) -> int:
        """Zeroed memory; 0 when the heap is full. Addresses are not used twice."""
        size = (size_bytes + 15) // 16 * 16
        if self.heap_top + size > HEAP_BYTES:
            return 0
        address = base_of(HEAP) + self.heap_top
        self.heap_top += size
        self.heap[address] = size
        self.write(address, bytes(size))
        return address

    def release(self, address: int) -> bool:
        """Whether it was allocated; its bytes are poisoned."""
        size = self.heap.pop(address, None)
        if size is None:
            return False
        self.write(address, bytes([POISON]) * size)
        return True
