"""Recorded bytes as a host gives them: which entries belong to a topic, and what value stands at a change's target."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from dinrail.host import replay_timing
from dinrail.host.port import TargetGone
from dinrail.machine.change import Change, ChangeKind
from dinrail.machine.sources import BY_SYSTEM, Entry, Raw, Source, SourceKind, Topic, for_release, wanted

DEVICES = "/sys/bus/pci/devices"
DRIVERS = "/sys/bus/pci/drivers"
ROM_ON = b"1"
"""What a rehearsal puts into the entry of a `rom` file that is switched on; a recorded one is empty, that is off."""


def select(raw: Raw, topics: frozenset[Topic]) -> Raw:
    """What the recorded machine would have given for these topics alone: their entries, cut where they say.

    A topic that was not collected stays missing from `topics`, so that nobody takes "not looked at" for "not there".
    """
    topics &= raw.topics
    sources = wanted(BY_SYSTEM.get(raw.system, ()), topics)
    declared = for_release(sources, raw.text("/proc/sys/kernel/osrelease", "unknown"))
    exact: dict[str, Source] = {}
    patterns: list[tuple[re.Pattern[str], Source]] = []
    for source in declared:
        key = _key(source)
        if "*" in key:
            patterns.append((re.compile(re.escape(key).replace(r"\*", "[^/]*")), source))
        else:
            exact[key] = source
    by_directory = _Lookup(exact, patterns)
    entries: dict[str, Entry] = {}
    for key, entry in raw.entries.items():
        found = by_directory.source(key, entry.kind)
        if found is not None:
            entries[key] = _cut(entry, found.max_bytes)
    return Raw(raw.system, entries, topics)


class _Lookup:
    """From a recorded key to the last declared source that would have read it."""

    def __init__(self, exact: Mapping[str, Source], patterns: list[tuple[re.Pattern[str], Source]]) -> None:
        self._exact = exact
        self._patterns = patterns[::-1]

    def source(self, key: str, kind: SourceKind) -> Source | None:
        found = self._exact.get(key)
        if found is not None:
            return found
        return next((s for pattern, s in self._patterns if s.kind is kind and pattern.fullmatch(key)), None)


def _key(source: Source) -> str:
    if source.kind in (SourceKind.COMMAND, SourceKind.PROBE):
        return f"{source.kind.value}:{source.pattern}"
    return source.pattern


def _cut(entry: Entry, max_bytes: int) -> Entry:
    if len(entry.data) <= max_bytes:
        return entry
    return replace(entry, data=entry.data[:max_bytes], cut=True)


def recorded_value(entries: Mapping[str, Entry], change: Change) -> str:
    """The value at a change's target. Raises TargetGone for a device, ROM or file that the archive does not have."""
    if change.kind in replay_timing.KINDS:
        return replay_timing.recorded(entries, change)
    if change.kind is ChangeKind.MODULE:
        return "loaded" if f"{DRIVERS}/{change.target}" in entries else ""
    device = f"{DEVICES}/{change.target}"
    if device not in entries:
        raise TargetGone("the device is not in the archive", where=change.target)
    if change.kind is ChangeKind.DRIVER:
        link = entries.get(f"{device}/driver")
        return link.line.rpartition("/")[2] if link is not None else ""
    if change.kind is ChangeKind.DRIVER_OVERRIDE:
        override = entries.get(f"{device}/driver_override")
        return "" if override is None or override.line == "(null)" else override.line
    rom = entries.get(f"{device}/rom")
    if rom is None:
        raise TargetGone("the device offers no option ROM", where=change.target)
    return "1" if rom.data == ROM_ON else "0"
