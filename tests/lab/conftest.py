"""Booted machines for tests: one per topology and session, so that a boot is paid once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from dinrail.lab.machine import Parts, VirtualPc, boot, prepare
from dinrail.lab.topology import topology_named

Booted = Callable[[str], VirtualPc]


@pytest.fixture(scope="session")
def lab_parts() -> Parts:
    """Kernels and guest files, from the cache or the network."""
    return prepare()


@pytest.fixture(scope="session")
def booted(lab_parts: Parts) -> Iterator[Booted]:
    """`booted(name)` gives the running machine of a topology; tests leave it as they found it."""
    machines: dict[str, VirtualPc] = {}

    def machine(name: str) -> VirtualPc:
        if name not in machines:
            machines[name] = boot(topology_named(name), lab_parts)
        return machines[name]

    yield machine
    for pc in machines.values():
        pc.power_off()


@pytest.fixture
def pc(booted: Booted) -> VirtualPc:
    """The standard machine."""
    return booted("standard")
