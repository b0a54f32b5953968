"""The C library's calls that Python has no words for: locked memory, native threads, stacks with a guard."""

from __future__ import annotations

import ctypes
import errno
import os
import signal
from typing import Any, TypeVar

from dinrail.errors import HostError
from dinrail.layout import decode, encode, layout_of

T = TypeVar("T")

PAGE_BYTES = 4096
MCL_CURRENT_AND_FUTURE = 3
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_PROT_NONE, _PROT_READ_WRITE = 0, 3
_MAP_PRIVATE_ANONYMOUS = 0x22
_ATTRIBUTES_BYTES = 64
"""More than glibc's pthread_attr_t (56 bytes)."""
_CPU_SET_BYTES = 128
_FAILED = ctypes.c_void_p(-1).value
TRAPS = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP})
"""What an instruction itself raises: never blocked, or the kernel ends the process."""

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.mmap.restype = ctypes.c_void_p
_LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
_LIBC.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_LIBC.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
_LIBC.mlockall.argtypes = [ctypes.c_int]
_LIBC.pthread_attr_setstack.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
_LIBC.pthread_create.argtypes = [ctypes.c_void_p] * 4
_LIBC.pthread_join.argtypes = [ctypes.c_ulong, ctypes.c_void_p]
_LIBC.pthread_setschedparam.argtypes = [ctypes.c_ulong, ctypes.c_int, ctypes.c_void_p]
_LIBC.pthread_setaffinity_np.argtypes = [ctypes.c_ulong, ctypes.c_size_t, ctypes.c_void_p]


class _ObjectInfo(ctypes.Structure):
    """Dl_info."""

    _fields_ = (
        ("file", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("symbol", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
    )


_LIBC.dladdr.argtypes = [ctypes.c_void_p, ctypes.POINTER(_ObjectInfo)]


def load_address(address: int) -> int:
    """Where the shared object begins that holds this address; 0: none."""
    info = _ObjectInfo()
    return int(info.base or 0) if _LIBC.dladdr(address, ctypes.byref(info)) else 0


def _refused(what: str, number: int) -> HostError:
    return HostError(f"cannot {what}: {errno.errorcode.get(number, number)}", why=os.strerror(number))


class Arena:
    """Zeroed memory that lies where it lies until `close`. The first page is a guard that faults when touched."""

    def __init__(self, size_bytes: int) -> None:
        self.size_bytes = -(-size_bytes // PAGE_BYTES) * PAGE_BYTES
        total = self.size_bytes + PAGE_BYTES
        at = _LIBC.mmap(None, total, _PROT_READ_WRITE, _MAP_PRIVATE_ANONYMOUS, -1, 0)
        if at in (None, _FAILED):
            raise _refused(f"get {total} bytes of memory", ctypes.get_errno())
        self.guard = int(at)
        self.base = self.guard + PAGE_BYTES
        self._used = 0
        _LIBC.mprotect(self.guard, PAGE_BYTES, _PROT_NONE)

    def take(self, size_bytes: int, align_bytes: int = 64) -> int:
        """The address of so many bytes. Raises HostError when it is used up: sizes are known beforehand."""
        at = -(-self._used // align_bytes) * align_bytes
        if at + size_bytes > self.size_bytes:
            raise HostError("the control's own memory is used up", why=f"{self.size_bytes} bytes were planned")
        self._used = at + size_bytes
        return self.base + at

    def touch(self) -> None:
        """Make every page be there."""
        ctypes.memset(self.base, 0, self.size_bytes)

    def untouched_bytes(self) -> int:
        """How many bytes at the low end are zero still."""
        data = ctypes.string_at(self.base, self.size_bytes)
        return len(data) - len(data.lstrip(b"\0"))

    def close(self) -> None:
        _LIBC.munmap(self.guard, self.size_bytes + PAGE_BYTES)


class Block:
    """A record in memory of this process, word by word. Each access is one load or store."""

    def __init__(self, kind: type, address: int) -> None:
        self.kind = kind
        self.address = address
        self._words: dict[str, Any] = {}
        for name, spec in layout_of(kind).fields:
            if spec.is_int:
                word = ctypes.c_uint64 if spec.size_bytes == 8 else ctypes.c_uint32
                self._words[name] = word.from_address(address + spec.offset)

    def get(self, name: str) -> int:
        return int(self._words[name].value)

    def set(self, name: str, value: int) -> None:
        self._words[name].value = value


def put(address: int, value: object) -> None:
    """Write a record."""
    data = encode(value)
    ctypes.memmove(address, data, len(data))


def take(kind: type[T], address: int) -> T:
    """Read a record."""
    return decode(kind, ctypes.string_at(address, layout_of(kind).size_bytes))


def put_addresses(address: int, addresses: list[int]) -> None:
    """Write a table of addresses."""
    data = b"".join(item.to_bytes(8, "little") for item in addresses)
    ctypes.memmove(address, data, len(data))


def lock_memory() -> HostError | None:
    """Keep all memory of the process, now and later, in RAM; None, or why not."""
    _LIBC.mallopt(_M_TRIM_THRESHOLD, -1)
    _LIBC.mallopt(_M_MMAP_MAX, 0)
    if _LIBC.mlockall(MCL_CURRENT_AND_FUTURE) == 0:
        return None
    return _refused("lock the memory", ctypes.get_errno())


class Thread:
    """A native thread: it runs `function(argument)` on a stack of ours and never knows of Python."""

    def __init__(self, function: int, argument: int, stack: Arena) -> None:
        """Raises HostError."""
        attributes = ctypes.create_string_buffer(_ATTRIBUTES_BYTES)
        handle = ctypes.c_ulong()
        _LIBC.pthread_attr_init(attributes)
        _LIBC.pthread_attr_setstack(attributes, stack.base, stack.size_bytes)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - TRAPS)
        try:
            status = _LIBC.pthread_create(ctypes.byref(handle), attributes, function, argument)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            _LIBC.pthread_attr_destroy(attributes)
        if status:
            raise _refused("start a thread", status)
        self._handle = handle.value

    def be_realtime(self, priority: int) -> HostError | None:
        """SCHED_FIFO with that priority; None, or why not."""
        status = _LIBC.pthread_setschedparam(self._handle, os.SCHED_FIFO, ctypes.byref(ctypes.c_int(priority)))
        return _refused("give a task its real-time priority", status) if status else None

    def run_on(self, cores: list[int]) -> HostError | None:
        """Only there; None, or why not."""
        mask = sum(1 << core for core in cores).to_bytes(_CPU_SET_BYTES, "little")
        status = _LIBC.pthread_setaffinity_np(self._handle, _CPU_SET_BYTES, mask)
        return _refused(f"put a task on core {', '.join(map(str, cores))}", status) if status else None

    def join(self) -> None:
        """Wait for its end: only for one that is known to have ended."""
        _LIBC.pthread_join(self._handle, None)
