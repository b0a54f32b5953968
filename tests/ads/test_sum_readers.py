"""Rules judge a sum command by what the router reads in it; the device does what it reads in it itself."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from ads_device import FakePeer, FakePermit
from hypothesis import given, settings
from hypothesis import strategies as st

from dinrail.ads.actions import SUM_ITEM_COMMANDS
from dinrail.ads.device.access import Access
from dinrail.ads.device.sums import perform_sum
from dinrail.ads.router.items import items_of
from dinrail.ams.address import AmsAddr
from dinrail.ams.errors import AdsFault
from dinrail.ams.frame import Command
from dinrail.errors import FormatError

TARGET = AmsAddr.parse("5.1.2.3.1.1:851")
WORD = st.sampled_from([0, 1, 2, 4, 5, 0x4020, 0xF005, 0xF080, 0xFFFF_FFFF])
Deed = tuple[int, int, int, int, bytes]
"""Command, group, offset, size and what is written."""


@dataclass
class Asked:
    """A device that notes what a sum makes of it."""

    deeds: list[Deed] = field(default_factory=list)

    def perform(self, access: Access, data: bytes) -> bytes:
        self.deeds.append((access.command, access.group, access.offset, access.size_bytes, data))
        return b""

    def subscribe(self, access: Access, entry: bytes) -> int:
        del access
        self.deeds.append((Command.ADD_NOTIFICATION, *struct.unpack_from("<III", entry), b""))
        return 1

    def unsubscribe(self, access: Access, handle: int) -> None:
        del access
        self.deeds.append((Command.DELETE_NOTIFICATION, 0, 0, 0, struct.pack("<I", handle)))


@st.composite
def sums(draw: st.DrawFn) -> tuple[int, int, bytes]:
    """Group, count and data: mostly whole ones of few items, else any."""
    group, count = draw(st.sampled_from(sorted(SUM_ITEM_COMMANDS))), draw(st.integers(0, 3))
    words = {0xF082: 4, 0xF085: 10, 0xF086: 1}.get(group, 3)
    entries = [[draw(WORD) for _ in range(words)] for _ in range(count)]
    written = {0xF081: 2, 0xF082: 3}.get(group)
    for entry in entries if written else ():
        entry[written or 0] = draw(st.sampled_from([0, 1, 2, 5, 0xFFFF_FFFF]))
    data = b"".join(struct.pack(f"<{words}I", *entry) for entry in entries)
    room = sum(entry[written] for entry in entries if entry[written] < 9) if written else 0
    data += draw(st.binary(min_size=room, max_size=room))
    if draw(st.integers(0, 3)):
        return group, count, data
    return group, draw(st.sampled_from([count, 0, count + 1])), data + draw(st.binary(max_size=20))


@settings(max_examples=500)
@given(sums())
def test_what_the_router_lets_pass_is_what_the_device_does(asked: tuple[int, int, bytes]) -> None:
    """Item by item the same place and bytes, and no less than the size; else one of them refuses the whole sum."""
    group, count, data = asked
    try:
        items = items_of(Command.READ_WRITE, struct.pack("<IIII", group, count, 0xFFFF_FFFF, len(data)) + data)
    except FormatError:
        return
    device = Asked()
    access = Access(Command.READ_WRITE, group, count, 0xFFFF_FFFF, FakePeer(), FakePermit(), TARGET)
    try:
        perform_sum(device, access, data, 10_000, 4 << 20)
    except AdsFault:
        assert device.deeds == []
        return
    plain = [item for item in items if item.command != Command.READ_WRITE or item.group not in SUM_ITEM_COMMANDS]
    assert [(*one[:3], one[4]) for one in device.deeds] == [(*item[:3], item.data) for item in plain]
    for (command, _, _, size, written), item in zip(device.deeds, plain, strict=True):
        assert item.size_bytes >= max(size, len(written)) or command == Command.DELETE_NOTIFICATION
