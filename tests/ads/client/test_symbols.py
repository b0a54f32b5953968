"""Variables by name against our own router and device: types, values, calls, program changes."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from ads_own_server import PLC, VARIABLES, OwnServer, symbols
from build_iec import TIME

from dinrail.ads.client.connection import AdsClient
from dinrail.ads.client.faults import AdsDenied
from dinrail.ads.client.options import Options
from dinrail.ads.client.subscription import Rhythm
from dinrail.ads.client.symbols import SymbolClient
from dinrail.ads.contract import Action
from dinrail.ads.symbols.table import SymbolTable
from dinrail.ams.errors import AdsFault
from dinrail.errors import BadRequest, Refused

QUICK = Options(timeout_s=2.0, first_pause_s=0.01, longest_pause_s=0.1, check_restart_s=0)
AXIS_NOW = {"bOn": True, "fPosition": 1.5, "eMode": "Automatic", "sName": "axis 7"}


def run(work: Callable[[OwnServer, SymbolClient], Coroutine[Any, Any, None]]) -> None:
    async def both() -> None:
        async with asyncio.timeout(8), server_and_client() as (server, plc):
            await work(server, plc)

    asyncio.run(both())


@asynccontextmanager
async def server_and_client() -> AsyncIterator[tuple[OwnServer, SymbolClient]]:
    async with OwnServer() as server, await AdsClient.connect("127.0.0.1", server.port, QUICK) as client:
        yield server, SymbolClient(client, PLC)


async def until(true: Callable[[], object]) -> None:
    while not true():
        await asyncio.sleep(0.002)


async def raises(code: int, work: Awaitable[object]) -> AdsFault:
    with pytest.raises(AdsFault) as caught:
        await work
    assert caught.value.code == code
    return caught.value


def test_all_variables_come_with_their_types() -> None:
    """The upload gives the very symbols that the device was made of: names, types, places, comments, read-only."""

    async def work(server: OwnServer, plc: SymbolClient) -> None:
        found = await plc.symbols()
        assert [(one.name, one.type, one.offset, one.read_only, one.comment) for one in found] == [
            (one.name, one.type, one.offset, one.read_only, one.comment) for one in symbols()
        ]

    run(work)


@pytest.mark.parametrize("name", [name for name, *_ in VARIABLES])
def test_one_variable_by_name_is_the_one_of_the_upload(name: str) -> None:
    """F009 with F011 for all that it needs ends at the same type as the upload of everything."""

    async def work(server: OwnServer, plc: SymbolClient) -> None:
        (wanted,) = [one for one in symbols() if one.name == name]
        assert (await plc.symbol(name.upper())).type == wanted.type

    run(work)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("MAIN.nCount", -5),
        ("main.bon", True),
        ("MAIN.fSpeed", 2.5),
        ("MAIN.fReal", 0.5),
        ("MAIN.sText", "Grüße €"),
        ("MAIN.sUtf8", "Ωmega"),
        ("MAIN.wsText", "☃"),
        ("MAIN.tDelay", 1500),
        ("MAIN.eMode", 2),
        ("MAIN.aGrid", [[1, 2, 3], [4, 5, -6]]),
        ("MAIN.aGrid[1,6]", 77),
        ("MAIN.stAxis.aPoints[2].y", -9),
        ("MAIN.stAxis.bit1", True),
        ("MAIN.aAxes[3].sName", "last"),
    ],
)
def test_what_is_written_is_read(path: str, value: object) -> None:
    """For every kind of type, by its path."""

    async def work(server: OwnServer, plc: SymbolClient) -> None:
        await plc.write(path, value)
        assert await plc.read(path) == value

    run(work)


def test_a_structure_may_be_written_in_part() -> None:
    """Members that are not named keep their value; so do those of the neighbours."""

    async def work(server: OwnServer, plc: SymbolClient) -> None:
        await plc.write("MAIN.aAxes[2]", AXIS_NOW)
        await plc.write("MAIN.aAxes[2]", {"fPosition": 8.25})
        await plc.write_text("MAIN.aAxes[2]", "(eMode := Manual)")
        axis = await plc.read("MAIN.aAxes[2]")
        assert isinstance(axis, dict)
        assert (axis["bOn"], axis["fPosition"], axis["sName"]) == (True, 8.25, "axis 7")
        assert str(axis["eMode"]) == "Manual"
        whole = await plc.read("MAIN.aAxes")
        assert isinstance(whole, list)
        assert whole[0] == whole[2]
        assert whole[1] == axis

    run(work)


def test_600_variables_are_a_handful_of_requests() -> None:
    """Names, handles and values go by sums; a wrong name costs only itself."""

    async def work(server: OwnServer, plc: SymbolClient) -> None:
        await plc.write("MAIN.nCount", 42)
        paths = [f"MAIN.aAxes[{1 + at % 3}].aPoints[{1 + at // 3 % 3}].x" for at in range(599)]
        before = plc.client._core.last_invoke_id
        values = await plc.read_many(["MAIN.nCount", *paths, "MAIN.nope"])
        assert plc.client._core.last_invoke_id - before < 20
        assert isinstance(values[0], tuple)
        assert values[0][1] == (42).to_bytes(4, "little")
        assert isinstance(values[-1], AdsFault)
        assert values[-1].code == 0x710
        assert "MAIN.nope" in str(values[-1].where)
        assert all(isinstance(value, tuple) for value in values[:-1])

    run(work)


def test_many_are_written_or_none() -> None:
    """One value that is none of its type keeps all from being written; refusals are told by name."""

    async def work(server: OwnServer, plc: SymbolClient) -> None:
        with pytest.raises(BadRequest):
            await plc.write_many({"MAIN.nCount": 7, "MAIN.bOn": "perhaps"})
        assert await plc.read("MAIN.nCount") == 0
        assert await plc.write_many({"MAIN.nCount": 7, "MAIN.bOn": True, "MAIN.stAxis": {"sName": "x"}}) == {}
        assert await plc.read("MAIN.nCount") == 7
        server.policy.refused = {Action.WRITE}
        server.router.changed()
        refused = await plc.write_many({"MAIN.nCount": 8, "MAIN.bOn": False})
        assert {path: fault.code for path, fault in refused.items()} == {"MAIN.nCount": 0x723, "MAIN.bOn": 0x723}

    run(work)


def test_a_name_that_is_not_there_brings_those_that_look_alike() -> None:
    """0x710 names the nearest variables."""

    async def work(server: OwnServer, plc: SymbolClient) -> None:
        fault = await raises(0x710, plc.read("MAIN.nCuont"))
        assert "did you mean MAIN.nCount" in str(fault.hint)
        assert "MAIN.fSpeed" in str((await raises(0x710, plc.read("GVL.fSpeed"))).hint)

    run(work)


def test_read_only_is_refused_here_unless_forced() -> None:
    """The client's own check comes before the device's."""

    async def work(server: OwnServer, plc: SymbolClient) -> None:
        with pytest.raises(Refused, match="read-only"):
            await plc.write("GVL.nLimit", 3)
        with pytest.raises(AdsFault):
            await plc.write("GVL.nLimit", 3, force=True)

    run(work)


def test_access_denied_tells_so() -> None:
    """A rule of the device's router ends in AdsDenied."""

    async def work(server: OwnServer, plc: SymbolClient) -> None:
        server.policy.refused = {Action.WRITE}
        server.router.changed()
        with pytest.raises(AdsDenied):
            await plc.write("MAIN.nCount", 1)
        assert await plc.read("MAIN.nCount") == 0

    run(work)


def test_methods_are_called_with_their_types() -> None:
    """Inputs by position and by name; the return value and the outputs come back typed."""

    async def work(server: OwnServer, plc: SymbolClient) -> None:
        called = await plc.call("MAIN.fbAdder", "add", 40, b=2)
        assert (called.value, called.outputs) == (42, {"even": True})
        assert (await plc.call("MAIN.fbAdder", "Nothing")).value is None

    run(work)


@pytest.mark.parametrize(
    ("inputs", "named", "says"),
    [
        ((1,), {}, "lacks b"),
        ((1, 2, 3), {}, "takes 2 inputs"),
        ((1,), {"a": 2}, "no further input"),
        ((1, "two"), {}, "no DINT"),
    ],
)
def test_wrong_inputs_are_told_before_anything_is_sent(inputs: tuple[object, ...], named: Any, says: str) -> None:
    """Number, names and types of a call's inputs."""

    async def work(server: OwnServer, plc: SymbolClient) -> None:
        with pytest.raises(BadRequest, match=says):
            await plc.call("MAIN.fbAdder", "Add", *inputs, **named)
        with pytest.raises(BadRequest, match="no method Sub"):
            await plc.call("MAIN.fbAdder", "Sub")

    run(work)


def test_an_online_change_is_followed() -> None:
    """Old handles are refused, and the values are read from where they lie now; a variable's new type counts."""

    async def work(server: OwnServer, plc: SymbolClient) -> None:
        await plc.write("MAIN.nCount", 5)
        server.online_change(SymbolTable(symbols(shift=512, without="MAIN.bOn")))
        await plc.write("MAIN.nCount", 6)
        new = next(one for one in symbols(shift=512) if one.name == "MAIN.nCount")
        assert await plc.client.read(PLC, new.group, new.offset, 4) == (6).to_bytes(4, "little")
        assert (await plc.symbol("MAIN.nCount")).offset == new.offset
        await raises(0x710, plc.read("MAIN.bOn"))
        values = await plc.read_many(["MAIN.nCount", "MAIN.fSpeed"])
        server.online_change(SymbolTable(symbols()))
        assert all(isinstance(value, tuple) for value in values + await plc.read_many(["MAIN.nCount", "MAIN.fSpeed"]))

    run(work)


def retyped() -> SymbolTable:
    """MAIN.nCount is another type of the same size."""
    return SymbolTable([replace(one, type=TIME) if one.name == "MAIN.nCount" else one for one in symbols()])


def test_a_type_that_changed_before_the_first_read_is_noticed() -> None:
    """The upload is older than the program: the device tells the type with the handle, and what it tells counts."""

    async def work(server: OwnServer, plc: SymbolClient) -> None:
        await plc.symbols()
        server.online_change(retyped())
        await plc.write_text("MAIN.nCount", "T#2s")
        assert str(await plc.read("MAIN.nCount")) == "T#2s"
        server.online_change(SymbolTable(symbols()))
        assert await plc.read("MAIN.nCount") == 2000
        plc.forget()
        await plc.symbols()
        server.online_change(retyped())
        ((symbol, _),) = [one for one in await plc.read_many(["MAIN.nCount"]) if isinstance(one, tuple)]
        assert symbol.type == TIME

    run(work)


def test_a_device_that_names_types_in_two_ways_is_believed() -> None:
    """What differs again right after it was looked up is no change."""

    async def work(server: OwnServer, plc: SymbolClient) -> None:
        first = plc.lookup._handle_in
        await plc.symbols()
        answer = struct.pack("<IIIH", 7, 4, 3, 5) + b"INT32\0"
        assert isinstance(first("MAIN.nCount", answer, 1252), AdsFault)
        assert first("MAIN.nCount", answer, 1252) == 7

    run(work)


def test_a_subscription_follows_value_program_and_restart() -> None:
    """Values as they change; after an online change from their new place; after the server's restart again."""

    async def work(server: OwnServer, plc: SymbolClient) -> None:
        async with await plc.subscribe("MAIN.nCount", Rhythm(cycle_s=0.0)) as told:
            assert (await anext(told)).value == 0
            await plc.write("MAIN.nCount", 1)
            assert (await anext(told)).value == 1
            server.online_change(SymbolTable(symbols(shift=512)))
            while (await anext(told)).value != 0:
                pass
            await plc.write("MAIN.nCount", 2)
            while (await anext(told)).value != 2:
                pass
            port = server.port
            await server.stop()
            await server.start(port)
            await until(lambda: plc.client.is_up and told.subscription.handle)
            await plc.write("MAIN.nCount", 3)
            while (await anext(told)).value != 3:
                pass
            assert told.subscription.renewals >= 2

    run(work)


def test_leaving_releases_handles_and_notifications() -> None:
    """The device holds nothing of a client that said goodbye."""

    async def work(server: OwnServer, plc: SymbolClient) -> None:
        await plc.subscribe("MAIN.nCount")
        await plc.read_many([f"MAIN.aAxes[{at}].fPosition" for at in (1, 2, 3)])
        assert len(server.plc.notifications) == 2  # the value, and the symbol version
        (peer,) = {one.peer for one in server.plc.notifications.subscriptions()}
        assert server.plc.handles.count(peer) == 4
        await plc.client.close()
        assert len(server.plc.notifications) == 0
        assert server.plc.handles.count(peer) == 0

    run(work)
