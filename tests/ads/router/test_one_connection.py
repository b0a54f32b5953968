"""What users ask for: twenty processes of one machine, one source address, one connection to the device."""

from __future__ import annotations

import struct

import pytest
from ads_wire import PLC, PLC_NET, Bench, Cable, Client, add_note, head_of, notification, read, read_write, result_of

from dinrail.ads.router.limits import Limits
from dinrail.ads.router.routes import Route
from dinrail.ams.address import AmsAddr
from dinrail.ams.errors import AdsError
from dinrail.ams.frame import Command
from dinrail.units import S_NS

LINE = Route("line", PLC_NET, "192.0.2.50")
SAME = AmsAddr.parse("192.0.2.1.1.1:30000")


def plant(strict: bool, clients: int = 20) -> tuple[Bench, Bench, Cable, list[Client]]:
    """A router with clients that all say they are SAME, cabled to a device that is another router of ours."""
    near = Bench(routes=(LINE,))
    far = Bench(PLC_NET, limits=Limits(strict=strict))
    far.router.serve(851, far.memory)
    cables: list[Cable] = []
    near.dial = lambda route: cables.append(Cable(route, near, far))
    users = [near.client() for _ in range(clients)]
    for number, user in enumerate(users):
        assert user.say(read(PLC, SAME, number, 1, invoke=1)) == []
    (cable,) = cables
    cable.run()
    for number, user in enumerate(users):
        (answer,) = user.wire.take()
        assert (head_of(answer).target, head_of(answer).invoke_id, answer[46]) == (SAME, 1, number)
    return near, far, cable, users


@pytest.mark.parametrize("strict", [False, True])
def test_twenty_clients_of_one_source_are_all_answered_and_subscribed(strict: bool) -> None:
    """Through one connection, also to a device that allows but one, each gets its own answers and samples."""
    near, far, cable, users = plant(strict)
    for number, user in enumerate(users):
        user.say(add_note(PLC, SAME, number, 1, invoke=1))
    cable.run()
    handles = []
    for user in users:
        (answer,) = user.wire.take()
        assert result_of(answer) == 0
        handles.append(int.from_bytes(answer[42:46], "little"))
    assert len(set(handles)) == 20
    assert far.memory.publish(b"!") == 20
    cable.run()
    for user, handle in zip(users, handles, strict=True):
        assert user.wire.take() == [notification(SAME, PLC, (handle, b"!"))]
    assert (far.counters.links, near.counters.upstream_connects, far.counters.dropped_frames) == (1, 1, 0)


def test_one_of_twenty_that_leaves_takes_only_its_own_along() -> None:
    """When one client is gone for good, the device has nineteen notifications left, and the others' go on."""
    near, far, cable, users = plant(strict=True)
    for user in users:
        user.say(add_note(PLC, SAME))
        user.say(read_write(PLC, SAME, 0xF003, 0, 4, b"MAIN.x\0"))
    cable.run()
    for user in users:
        user.wire.take()
    users[7].drop()
    near.pass_time(near.router.limits.orphan_ns)
    cable.run()
    assert (len(far.memory.notes), len(far.memory.handles)) == (19, 19)
    assert far.memory.publish(b"1234") == 19
    cable.run()
    assert [len(user.wire.take()) for user in users] == [1] * 7 + [0] + [1] * 12


def test_a_second_process_without_the_router_would_kick_the_first_out() -> None:
    """The strict device closes the router's connection when another comes from its address; the router comes back."""
    near, far, cable, users = plant(strict=True)
    users[0].say(add_note(PLC, SAME))
    cable.run()
    users[0].wire.take()
    intruder = Client(far.router, cable.far.origin)
    assert cable.wires[1].closed_why is not None
    (ended,) = users[0].wire.take()
    assert head_of(ended).command == Command.NOTIFICATION
    assert intruder.wire.closed_why is None
    near.pass_time(near.router.limits.backoff_first_ns)
    assert near.counters.upstream_connects == 2


def test_a_lost_device_is_told_to_each_of_twenty() -> None:
    """Each subscriber gets one empty sample, each pending request one 0x1B, and nobody two."""
    _, _, cable, users = plant(strict=False)
    for user in users:
        user.say(add_note(PLC, SAME))
    cable.run()
    for user in users:
        user.wire.take()
        user.say(read(PLC, SAME))
    cable.cut()
    for user in users:
        first, second = user.wire.take()
        assert head_of(first).error == AdsError.HOST_UNREACHABLE
        assert second[-4:] == struct.pack("<I", 0)


def test_nothing_is_left_when_all_have_gone() -> None:
    """After all clients left and their time passed, the router remembers none of them, and the device has nothing."""
    near, far, cable, users = plant(strict=False)
    for user in users:
        user.say(add_note(PLC, SAME))
        user.say(read_write(PLC, SAME, 0xF003, 0, 4, b"MAIN.x\0"))
    cable.run()
    for user in users:
        user.drop()
    near.pass_time(near.router.limits.orphan_ns)
    cable.run()
    near.pass_time(60 * S_NS)
    assert (len(far.memory.notes), len(far.memory.handles)) == (0, 0)
    counters = near.counters
    assert (counters.peers, counters.orphans, counters.pending, counters.links) == (0, 0, 0, 1)
