"""npm's ads-client against our server, as a remote and by the local router's port connect."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest
from ads_process import NET_ID, Serving, serving
from foreign_clients import node, node_argv

pytestmark = pytest.mark.ads


@pytest.fixture(scope="module")
def server() -> Iterator[Serving]:
    with serving("--simulate") as running:
        yield running


def ads_client(case: str, server: Serving, *more: str) -> dict[str, object]:
    found: dict[str, object] = node("ads_client.mjs", case, server, *more)
    return found


@pytest.mark.parametrize("mode", ["remote", "local"])
def test_it_connects_and_finds_a_system_that_it_knows(server: Serving, mode: str) -> None:
    """Device info, states, restart index, symbol version and upload info are there, by either way to connect."""
    found = ads_client("connect", server, mode)
    assert found["info"] == {"majorVersion": 3, "minorVersion": 1, "versionBuild": 4026, "deviceName": "Plc30 App"}
    assert found["plc"] == {"adsState": 5, "adsStateStr": "Run", "deviceState": 0}
    assert found["system"] == {"adsState": 5, "adsStateStr": "Run", "deviceState": 1}
    assert found["extended"]["restartIndex"] >= 1  # type: ignore[index]
    assert found["version"] == 1
    assert found["upload"]["encodingCodePage"] == 65001  # type: ignore[index]
    if mode == "local":
        assert found["local"] == str(NET_ID)
        assert 0x8000 <= int(str(found["port"])) < 0xC000


def test_it_reads_every_type(server: Serving) -> None:
    """Elementary types, times, strings in both encodings, enumerations, structures, arrays, a pointer's target."""
    found = ads_client("values", server)
    expected = {
        "bBool": True,
        "nByte": 0xAB,
        "nDword": 0x89ABCDEF,
        "nLword": str(0x0123456789ABCDEF),
        "nSint": -12,
        "nInt": -12345,
        "nUdint": 3456789012,
        "nLint": "-1234567890123456789",
        "nUlint": "12345678901234567890",
        "fLreal": 2.718281828459045,
        "tTime": 3723004,
        "tLtime": "93784005006007",
        "dDate": "2026-01-31T00:00:00.000Z",
        "tTimeOfDay": 45296789,
        "dtDateAndTime": "2026-01-31T12:34:56.000Z",
        "nPercent": 42,
        "sText": "Grüße für 5 € – München",
        "sUtf8": "Ω ≈ 漢字 😀",
        "wsText": "Ω ≈ 漢字 😀",
        "sEmpty": "",
        "aTexts": ["one", "two", "three"],
        "eMode": {"name": "Automatic", "value": 2},
        "eColour": {"name": "Green", "value": 0xFF00},
        "stPoint": {"x": 1.5, "y": -2.5},
        "stBits": {"bReady": True, "bBusy": False, "bError": True, "nCode": 7},
        "stPacked": {"bFlag": True, "fValue": 1.25, "nValue": -3},
        "aGrid": [[1, 2, 3], [4, 5, 6], [7, 8, 9]],
        "aNested": [[-1, -2, -3], [1, 2, 3]],
        "pointed": 4711,
    }
    assert {name: found[name] for name in expected} == expected
    assert len(found["aAxes"]) == 3  # type: ignore[arg-type]


def test_what_it_writes_it_reads_back(server: Serving) -> None:
    """Numbers, texts, enumerations by name, whole and partial structures, arrays, one member deep inside."""
    assert ads_client("writes", server) == {
        "refused": 0x704,
        "GVL_Types.nInt": 321,
        "GVL_Text.sText": "äöü €",
        "GVL_Text.sUtf8": "漢字 Ω",
        "GVL_Text.wsText": "Ω wide",
        "GVL_Struct.eMode": {"name": "Manual", "value": 1},
        "GVL_Struct.stPoint": {"x": 9.5, "y": 1.75},
        "MAIN.aInts": [5, 4, 3, 2, 1],
        "GVL_Struct.aAxes[2].stTarget.x": 77.5,
    }


def test_it_uploads_symbols_and_types(server: Serving) -> None:
    """Both uploads are whole, and a structure's members come with types, offsets and comments."""
    found = ads_client("symbols", server)
    assert int(str(found["symbols"])) > 60
    assert int(str(found["types"])) > 60
    assert found["one"] == "ARRAY [1..3] OF ST_Axis"
    members = {item["name"]: item for item in found["axis"]["subItems"]}  # type: ignore[index]
    assert members["fPosition"]["comment"] == "mm"
    assert members["fPosition"]["offset"] % 8 == 0
    assert [item["name"] for item in members["stTarget"]["subItems"]] == ["x", "y"]


def test_its_notifications_come_in_time_and_are_stamped_by_the_cycle(server: Serving) -> None:
    """A constant comes once; a 10 ms variable is stamped 5 to 15 ms apart; maxDelay 2000 ms means 2000 to 2300 ms."""
    found = ads_client("notify", server)
    assert len(found["constant"]) == 1  # type: ignore[arg-type]
    assert all(5 <= gap <= 15 for gap in found["gaps"])  # type: ignore[attr-defined]
    counts: list[int] = found["counts"]  # type: ignore[assignment]
    assert counts == list(range(counts[0], counts[0] + len(counts)))
    assert 1990 <= int(str(found["delayed"])) <= 2300


def test_it_calls_methods(server: Serving) -> None:
    """Return values and outputs, numbers, texts and structures."""
    assert ads_client("rpc", server) == {
        "add": {"returnValue": 42, "outputs": {"bOverflow": False}},
        "divide": {"returnValue": True, "outputs": {"fQuotient": 3.5, "fRest": 1}},
        "echo": {"returnValue": "hello", "outputs": {"nLength": 5}},
        "move": {"returnValue": {"x": 4, "y": 6}, "outputs": {}},
    }


def test_its_sums_of_500_and_5000_and_a_failing_part(server: Serving) -> None:
    """Five hundred at once, five thousand in tens of five hundred; one item's error is that item's alone."""
    assert ads_client("sums", server) == {
        "of500": 500,
        "of5000": 5000,
        "handles": [True, True, False],
        "written": [True, False],
        "read": "01020304",
        "both": [True, False],
    }


def test_it_stops_and_starts_the_plc(server: Serving) -> None:
    """WriteControl STOP and RUN at port 851 are obeyed at once."""
    assert ads_client("state", server) == {"stopped": "Stop", "running": "Run"}


def test_config_takes_the_plc_away_and_run_brings_it_back() -> None:
    """In Config requests to port 851 get error 6; after Reset it answers again."""
    with serving("--simulate") as own:
        assert ads_client("config", own) == {"config": "Config", "plc": 6, "run": "Run", "again": "Run"}


@pytest.mark.parametrize("mode", ["remote", "local"])
def test_it_goes_on_after_the_server_was_killed_and_started_again(mode: str) -> None:
    """A subscription is served again by the next server on the same address, without anything done by its user."""
    with serving("--simulate") as first:
        stay = subprocess.Popen(
            node_argv("ads_client.mjs", "stay", first, mode),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert stay.stdout is not None
        assert json.loads(stay.stdout.readline())["before"] > 3
        first.kill()
        with serving("--simulate", address=first.address):
            out, err = stay.communicate("go\n", timeout=60)
    assert stay.returncode == 0, err
    found = json.loads(out.splitlines()[-1])
    assert found["after"] >= 5
    assert found["value"] == -12345
