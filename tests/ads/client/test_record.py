"""A recorded PLC: what is in the file is what the device said and did."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ads_own_server import PLC, OwnServer, symbols
from build_iec import LREAL

from dinrail.ads.client.connection import AdsClient
from dinrail.ads.client.options import Options
from dinrail.ads.client.record import MAX_SAMPLE_BYTES, Recorder, recordable
from dinrail.ads.client.subscription import Rhythm
from dinrail.ads.client.symbols import SymbolClient
from dinrail.ads.simulate.recording import Recording, read_recording, to_description
from dinrail.ads.symbols.table import SymbolTable
from dinrail.iec.symbol import Symbol
from dinrail.iec.types import OpaqueType

QUICK = Options(timeout_s=2.0, first_pause_s=0.01, longest_pause_s=0.1, check_restart_s=0)


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.002)


def test_values_come_in_order_and_at_their_times() -> None:
    """Each change of a variable once, times from the first sample on; the uploads are the device's own."""

    async def work() -> Recording:
        lines: list[str] = []
        async with OwnServer() as server, await AdsClient.connect("127.0.0.1", server.port, QUICK) as client:
            plc = SymbolClient(client, PLC)
            recorder = Recorder(plc, lines.append)
            await recorder.start(["MAIN.nCount", "MAIN.aGrid"], Rhythm(cycle_s=0.0), started="2026-01-01T00:00:00Z")
            await until(lambda: recorder.samples == 2)
            for number in (1, 2, 3):
                await plc.write("MAIN.nCount", number)
                await until(lambda number=number: recorder.samples == 2 + number)
            await recorder.stop()
            assert (recorder.variables, recorder.misfits, recorder.faults) == (2, 0, {})
        return read_recording(lines, where="test")

    recording = asyncio.run(work())
    track = recording.tracks["MAIN.nCount"]
    assert track.values == [number.to_bytes(4, "little") for number in range(4)]
    assert track.times_ns[0] == 0
    assert track.times_ns == sorted(set(track.times_ns))
    played = to_description(recording, where="test")
    assert [one.name for one in played.symbols] == [one.name for one in symbols()]
    assert [one.type for one in played.symbols] == [one.type for one in symbols()]


def test_a_changed_program_does_not_spoil_the_recording() -> None:
    """Samples of another size are left out and counted; the file stays one that can be played."""

    async def work() -> Recording:
        lines: list[str] = []
        async with OwnServer() as server, await AdsClient.connect("127.0.0.1", server.port, QUICK) as client:
            recorder = Recorder(SymbolClient(client, PLC), lines.append)
            await recorder.start(["MAIN.nCount"], Rhythm(cycle_s=0.0), started="")
            await until(lambda: recorder.samples == 1)
            changed = [
                Symbol(one.name, LREAL, one.group, 400_000) if one.name == "MAIN.nCount" else one for one in symbols()
            ]
            server.online_change(SymbolTable(changed))
            await until(lambda: recorder.misfits)
            await recorder.stop()
        return read_recording(lines, where="test")

    recording = asyncio.run(work())
    assert {len(value) for value in recording.tracks["MAIN.nCount"].values} == {4}
    to_description(recording, where="test")


def test_what_is_too_large_is_not_recorded() -> None:
    """Nor what has no bytes."""
    kinds = {
        "a": OpaqueType("x", MAX_SAMPLE_BYTES),
        "b": OpaqueType("x", MAX_SAMPLE_BYTES + 1),
        "c": OpaqueType("x", 0),
    }
    assert recordable(dict(kinds)) == ["a"]
