"""The system's state behind port 10000: reading it, asking for another, and who is told."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from ads_service import Client, FakePeer, FakePermit

from dinrail.ads.contract import Action, Peer
from dinrail.ads.service.info import InfoService, Target
from dinrail.ads.service.state import StandInState
from dinrail.ads.service.system import SystemDevice
from dinrail.ams.address import NetId
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.ams.state import AdsState
from dinrail.clock import ManualClock
from dinrail.units import S_NS

TARGET = Target(NetId(bytes((5, 6, 7, 8, 1, 1))), machine="x86_64")


def system(state: StandInState, *chores: Callable[[], None], gone: Callable[[Peer], None] = lambda _: None) -> Client:
    info = InfoService(TARGET, state, wall_ns=ManualClock().wall_ns, random=bytes)
    return Client(SystemDevice(info.services(), state, version=TARGET.version, gone=gone, chores=chores))


def code_of(call: Callable[..., object], *arguments: object) -> int:
    with pytest.raises(AdsFault) as fault:
        call(*arguments)
    return fault.value.code


def restart_index(client: Client) -> int:
    return int(struct.unpack_from("<H", client.read(240, 0, 16), 4)[0])


def test_the_state_has_its_exact_sixteen_bytes() -> None:
    """ADS state, device state, restart index, version 3.1 build 4024, x64, user mode, no flags."""
    client = system(StandInState())
    assert client.read(240, 0, 16) == bytes.fromhex("0500 0100 0100 03 01 b80f 01 02 0000 0000")
    assert client.state() == (5, 1)
    assert client.read(0xF100, 0, 4) == bytes.fromhex("0500 0100")
    assert client.ask(1) == bytes(4) + bytes.fromhex("03 01 b80f") + b"TwinCAT System\0\0"


def test_reset_goes_to_run_and_reconfig_to_config() -> None:
    """Each is told once, moves the restart index, and shows in every way the state is read."""
    told: list[AdsState] = []
    client = system(StandInState(told.append))
    client.control(16, 1)
    assert (client.state(), client.read(0xF100, 0, 2), restart_index(client)) == ((15, 1), b"\x0f\0", 2)
    client.control(2, 1, bytes(10240))
    assert (client.state(), restart_index(client)) == ((5, 1), 3)
    client.control(2)
    assert (client.state(), restart_index(client)) == ((5, 1), 4)
    assert told == [AdsState.CONFIG, AdsState.RUN, AdsState.RUN]


def test_run_and_stop_do_not_restart() -> None:
    """Stop and Run keep the restart index; Run out of Config is a start. What changes nothing is not told."""
    told: list[AdsState] = []
    client = system(StandInState(told.append))
    for state in (5, 6, 6, 5):
        client.control(state)
    assert (told, restart_index(client)) == ([AdsState.STOP, AdsState.RUN], 1)
    client.control(16)
    assert code_of(client.control, 6) == AdsError.INVALID_STATE
    client.control(5)
    assert (client.state(), restart_index(client)) == ((5, 1), 3)


@pytest.mark.parametrize("state", [0, 1, 3, 4, 7, 11, 15, 17, 18, 19, 20, 0xFFFF])
def test_other_states_are_not_asked_for(state: int) -> None:
    """Everything but Reset, Reconfig, Run and Stop is 0x701, and nothing happens."""
    told: list[AdsState] = []
    client = system(StandInState(told.append))
    assert code_of(client.control, state) == AdsError.SERVICE_NOT_SUPPORTED
    assert (told, restart_index(client)) == ([], 1)


def test_the_owner_of_the_state_may_refuse() -> None:
    """A refused request is answered with the owner's code, and the state is what it was."""

    class Stubborn(StandInState):
        def request(self, state: AdsState) -> None:
            raise AdsFault(AdsError.BUSY, state.name)

    client = system(Stubborn())
    assert code_of(client.control, 16) == AdsError.BUSY
    assert client.state() == (5, 1)


def test_controlling_needs_control() -> None:
    """Who may look at the state may not change it."""
    client = system(StandInState())
    guest = Client(client.device, FakePeer(), FakePermit(frozenset((Action.STATE,))))
    assert guest.state() == (5, 1)
    assert len(guest.read(240, 0, 16)) == 16
    assert code_of(guest.control, 16) == AdsError.ACCESS_DENIED


def test_a_change_from_elsewhere_shows_at_once() -> None:
    """The state is its owner's: nothing is remembered from the last request."""
    state = StandInState()
    client = system(state)
    state.request(AdsState.RECONFIG)
    assert (client.state()[0], restart_index(client)) == (15, 2)


def test_subscribers_of_the_state_are_told() -> None:
    """A subscription to 0xF100 sends another sample when the state has changed."""
    client = system(StandInState())
    client.subscribe(0xF100, 0, 4)
    for millisecond in range(20):
        client.device.tick(millisecond * 1_000_000, millisecond * 1_000_000)
    client.control(16)
    for millisecond in range(20, 70):
        client.device.tick(millisecond * 1_000_000, millisecond * 1_000_000)
    assert [note[-4:] for note in client.peer.notes] == [bytes.fromhex("05000100"), bytes.fromhex("0f000100")]


def test_the_restart_index_goes_round() -> None:
    """65 535 is followed by 0: it is only compared."""
    state = StandInState()
    for _ in range(65_535):
        state.request(AdsState.RESET)
    assert state.restart_index == 0


def test_chores_are_done_each_second_and_their_faults_wait() -> None:
    """A chore that fails is tried again a second later, and the others are done."""
    done: list[str] = []

    def failing() -> None:
        done.append("failing")
        raise AdsFault(AdsError.DEVICE_ERROR)

    client = system(StandInState(), failing, lambda: done.append("other"))
    assert client.device.due_ns() == 0
    client.device.tick(0, 0)
    client.device.tick(S_NS - 1, 0)
    assert (done, client.device.due_ns()) == (["failing", "other"], S_NS)
    client.device.tick(S_NS, 0)
    assert done == ["failing", "other"] * 2


def test_clients_that_are_gone_are_told_on() -> None:
    """The parts that hold handles learn who will not come back."""
    gone: list[Peer] = []
    client = system(StandInState(), gone=gone.append)
    client.gone()
    assert gone == [client.peer]
