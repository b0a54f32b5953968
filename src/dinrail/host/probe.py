"""Does KVM run anything here? A few instructions in a real virtual machine, in a child that may be killed.

A /dev/kvm that exists, and even answers its API, proves nothing: nested hosts are known that then hang. So this file is
also a program of its own (standard library only, run as `python -I -S probe.py`), and its parent waits with a limit.

The guest is 16-bit real mode code in one page (Intel SDM volume 3, 9.1.4 for the state after reset; Linux
Documentation/virt/kvm/api.rst 4.1-4.35 for the calls):

    mov dx, 0x3f8 ; mov al, 0x64 ; out dx, al ; hlt
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import mmap
import os
import struct
import sys

KVM_GET_API_VERSION = 0xAE00
KVM_CREATE_VM = 0xAE01
KVM_GET_VCPU_MMAP_SIZE = 0xAE04
KVM_CREATE_VCPU = 0xAE41
KVM_SET_USER_MEMORY_REGION = 0x4020AE46
KVM_RUN = 0xAE80
KVM_GET_REGS = 0x8090AE81
KVM_SET_REGS = 0x4090AE82
KVM_GET_SREGS = 0x8138AE83
KVM_SET_SREGS = 0x4138AE84

KVM_EXIT_IO = 2
KVM_EXIT_HLT = 5

_CODE = bytes((0xBA, 0xF8, 0x03, 0xB0, 0x64, 0xEE, 0xF4))
_CODE_GPA = 0x1000
_SREGS_BYTES = 312
_REGS_BYTES = 144
_RIP, _RFLAGS = 16, 17  # indices of the 64-bit words of struct kvm_regs
_EXIT_REASON_AT, _IO_PORT_AT, _IO_DATA_OFFSET_AT = 8, 34, 40  # in struct kvm_run


def probe_kvm() -> dict[str, object]:
    """{"node", "api_version", "ran", "fault"}; `fault` names the call that failed and its errno."""
    found: dict[str, object] = {"node": False, "api_version": None, "ran": False, "fault": ""}
    opened: list[int] = []
    step = "open"
    try:
        kvm = os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC)
        opened.append(kvm)
        found["node"] = True
        step = "KVM_GET_API_VERSION"
        found["api_version"] = fcntl.ioctl(kvm, KVM_GET_API_VERSION, 0)
        step = "KVM_CREATE_VM"
        machine = fcntl.ioctl(kvm, KVM_CREATE_VM, 0)
        opened.append(machine)
        step = "KVM_RUN"
        found["fault"] = _run_guest(kvm, machine, opened)
        found["ran"] = not found["fault"]
    except OSError as fault:
        found["node"] = found["node"] or fault.errno not in (errno.ENOENT, errno.ENOTDIR)
        found["fault"] = f"{step}: {errno.errorcode.get(fault.errno or 0, 'EIO')}"
    finally:
        for fd in reversed(opened):
            os.close(fd)
    return found


def _run_guest(kvm: int, machine: int, opened: list[int]) -> str:
    """Empty when the instructions ran, else what happened instead. Raises OSError."""
    memory = mmap.mmap(-1, mmap.PAGESIZE)
    memory[: len(_CODE)] = _CODE
    region = struct.pack("<IIQQQ", 0, 0, _CODE_GPA, mmap.PAGESIZE, _address_of(memory))
    fcntl.ioctl(machine, KVM_SET_USER_MEMORY_REGION, region)
    cpu = fcntl.ioctl(machine, KVM_CREATE_VCPU, 0)
    opened.append(cpu)
    shared = mmap.mmap(cpu, fcntl.ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0))
    _set_registers(cpu)
    fcntl.ioctl(cpu, KVM_RUN, 0)
    reason = _exit_reason(shared)
    if reason != KVM_EXIT_IO:
        return f"exit reason {reason} instead of the port write"
    (port,) = struct.unpack_from("<H", shared, _IO_PORT_AT)
    (at,) = struct.unpack_from("<Q", shared, _IO_DATA_OFFSET_AT)
    if (port, shared[at]) != (0x3F8, 0x64):
        return f"wrote {shared[at]:#x} to port {port:#x}"
    fcntl.ioctl(cpu, KVM_RUN, 0)
    reason = _exit_reason(shared)
    return "" if reason == KVM_EXIT_HLT else f"exit reason {reason} instead of the halt"


def _set_registers(cpu: int) -> None:
    """Flat code segment at 0, instruction pointer at the code, only the reserved flag set."""
    special = bytearray(_SREGS_BYTES)
    fcntl.ioctl(cpu, KVM_GET_SREGS, special)
    struct.pack_into("<Q", special, 0, 0)  # cs.base
    struct.pack_into("<H", special, 12, 0)  # cs.selector
    fcntl.ioctl(cpu, KVM_SET_SREGS, bytes(special))
    words = [0] * (_REGS_BYTES // 8)
    words[_RIP], words[_RFLAGS] = _CODE_GPA, 2
    fcntl.ioctl(cpu, KVM_SET_REGS, struct.pack("<18Q", *words))


def _exit_reason(shared: mmap.mmap) -> int:
    return int(struct.unpack_from("<I", shared, _EXIT_REASON_AT)[0])


def _address_of(memory: mmap.mmap) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(probe_kvm(), sort_keys=True) + "\n")
