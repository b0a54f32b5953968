"""CPU, memory, and whether KVM really works."""

from __future__ import annotations

import json
import re

from dinrail.finding import Evidence
from dinrail.machine.facts import Cpus, Kvm
from dinrail.machine.linux.text import number
from dinrail.machine.sources import Raw

KVM_PROBE = "probe:kvm"
_KVM_API_VERSION = 12


def read_cpus(raw: Raw) -> Cpus:
    """Facts of Topic.CPU."""
    cpuinfo = raw.text("/proc/cpuinfo")
    first = _fields(cpuinfo.split("\n\n", 1)[0])
    flags = frozenset(first.get("flags", "").split())
    bits = re.match(r"(\d{1,3}) bits physical", first.get("address sizes", ""))
    return Cpus(
        model=first.get("model name", ""),
        vendor=first.get("vendor_id", ""),
        count=len(re.findall(r"^processor\s*:", cpuinfo, re.MULTILINE)),
        flags=flags,
        physical_bits=int(bits[1]) if bits else None,
        memory_bytes=_memory_bytes(raw.text("/proc/meminfo")),
        kvm=_kvm(raw, flags),
        locked_memory_bytes=_locked_memory_bytes(raw.text("/proc/self/limits")),
    )


def _fields(text: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in text.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _memory_bytes(meminfo: str) -> int:
    match = re.search(r"^MemTotal:\s*(\d{1,15}) kB", meminfo, re.MULTILINE)
    return int(match[1]) * 1024 if match else 0


def _locked_memory_bytes(limits: str) -> int | None:
    match = re.search(r"^Max locked memory\s+(\S+)", limits, re.MULTILINE)
    return number(match[1]) if match else None


def _kvm(raw: Raw, flags: frozenset[str]) -> Kvm:
    """Usable means: the CPU can, and a virtual CPU ran. Either alone is known to lie."""
    extension = next((flag for flag in ("vmx", "svm") if flag in flags), None)
    node, ran, told = _probe(raw)
    evidence = (
        Evidence("/proc/cpuinfo", f"flags hold {extension}" if extension else "flags hold neither vmx nor svm"),
        Evidence("/dev/kvm", "there" if node else "not there"),
        Evidence(KVM_PROBE, told),
    )
    return Kvm(usable=extension is not None and ran, evidence=evidence)


def _probe(raw: Raw) -> tuple[bool, bool, str]:
    """The probe's answer: device node there, a virtual CPU ran, and how to quote it."""
    here = raw.get("/dev/kvm") is not None
    entry = raw.get(KVM_PROBE)
    if entry is None or entry.fault:
        return here, False, f"not probed{f' ({entry.fault})' if entry else ''}"
    try:
        answer = json.loads(entry.data)
    except (ValueError, RecursionError):
        return here, False, "answered no JSON"
    if not isinstance(answer, dict):
        return here, False, "answered no object"
    version, ran, fault = answer.get("api_version"), answer.get("ran") is True, answer.get("fault") or ""
    told = f"API version {version}, a virtual CPU {'ran' if ran else 'did not run'}"
    here = here or answer.get("node") is True
    return here, ran and version == _KVM_API_VERSION, f"{told}: {fault}" if fault else told
