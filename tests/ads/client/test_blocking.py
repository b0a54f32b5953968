"""The face for scripts: every call waits, callbacks may call again."""

from __future__ import annotations

import queue
import threading

import pytest
from ads_own_server import NET_ID, ServerThread

from dinrail.ads.client.blocking import Device
from dinrail.ads.client.faults import LinkLost
from dinrail.ads.client.subscription import Rhythm
from dinrail.ads.client.symbols import Reading
from dinrail.ams.errors import AdsFault


def test_values_state_and_calls_without_an_event_loop() -> None:
    """The NetId is the router's own when none is given."""
    with ServerThread() as server, Device("127.0.0.1", server.port) as plc:
        assert plc.target.net_id == NET_ID
        plc.write("MAIN.nCount", 41)
        count = plc.read("MAIN.nCount")
        assert count == 41
        assert plc.write_many({"MAIN.bOn": True, "MAIN.sText": "x"}) == {}
        values = plc.read_many(["MAIN.bOn", "MAIN.sText", "MAIN.none"])
        assert values[:2] == [True, "x"]
        assert isinstance(values[2], AdsFault)
        assert plc.call("MAIN.fbAdder", "Add", 1, b=1).value == 2
        assert plc.state().ads_state == 5
        assert plc.info().name
        symbol = next(one for one in plc.symbols() if one.name == "MAIN.nCount")
        assert plc.read_at(symbol.group, symbol.offset, 4) == (41).to_bytes(4, "little")
        plc.write_at(symbol.group, symbol.offset, b"\x01\0\0\0")
        assert plc.read("MAIN.nCount") == 1


def test_a_callback_reads_and_writes_as_it_likes() -> None:
    """What other clients answer with a timeout (1861) works: callbacks are not in the way of answers."""
    seen: queue.Queue[object] = queue.Queue()
    with ServerThread() as server, Device("127.0.0.1", server.port, net_id=str(NET_ID)) as plc:

        def told(reading: Reading) -> None:
            plc.write("MAIN.fSpeed", 2.0)
            seen.put((reading.value, plc.read("MAIN.fSpeed")))

        made = plc.subscribe("MAIN.nCount", told, Rhythm(cycle_s=0.0))
        assert seen.get(timeout=5) == (0, 2.0)
        plc.write("MAIN.nCount", 9)
        assert seen.get(timeout=5) == (9, 2.0)
        plc.unsubscribe(made)
        plc.write("MAIN.nCount", 10)
        assert plc.read("MAIN.nCount") == 10
        assert seen.empty()


def test_nothing_is_left_behind() -> None:
    """After the end, and after a beginning that failed, none of our threads runs."""
    with ServerThread() as server:
        with Device("127.0.0.1", server.port) as plc:
            plc.subscribe("MAIN.nCount", lambda _: None)
        port = server.port
    with pytest.raises(LinkLost):
        Device("127.0.0.1", port)
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("dinrail-ads")]
