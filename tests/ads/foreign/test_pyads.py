"""pyads, with Beckhoff's own AdsLib inside, against our server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from ads_process import NET_ID, Serving, serving
from foreign_clients import pyads, pyads_argv, running

from dinrail.ads.credentials import UserFile

pytestmark = pytest.mark.ads


@pytest.fixture(scope="module")
def server() -> Iterator[Serving]:
    with serving("--simulate") as running:
        yield running


def test_it_knows_the_plc_and_the_system(server: Serving) -> None:
    """Device info and states of ports 851 and 10000."""
    found = pyads("about", server)
    assert found["name"] == "Plc30 App"
    assert found["version"][:2] == [3, 1]
    assert found["version"][2] >= 1711
    assert found["state"] == [5, 0]
    assert found["system"] == ["TwinCAT System", 5, 1]


def test_it_reads_and_writes_by_address(server: Serving) -> None:
    """Bytes and bits of %M, arrays, and the errors that AdsLib's tests expect."""
    assert pyads("by_group", server) == {
        "udint": 0x12345678,
        "bytes": [0x78, 0x56, 0x34, 0x12],
        "ints": [1, 2, 3, 4],
        "bit": True,
        "byte": 0x20,
        "group 0": 0x701,
        "0x4025": 0x701,
        "beyond": 0x703,
        "read_write": True,
    }


def test_it_reads_and_writes_by_name(server: Serving) -> None:
    """By name and by handle, arrays, texts, members of members, through a pointer; unknown and constant refused."""
    assert pyads("by_name", server) == {
        "dint": -7,
        "bool": True,
        "lreal": 2.718281828459045,
        "real": 3.1416,
        "lint": -1234567890123456789,
        "ints": [9, 8, 7, 6, 5],
        "text": "pyads was here",
        "utf8": "Ω ≈ 漢字 😀",
        "wide": "Ω ≈ 漢字 😀",
        "nested": 0.0,
        "pointed": 4711,
        "unknown": 0x710,
        "constant": 0x704,
    }


def test_it_reads_and_writes_structures(server: Serving) -> None:
    """A structure with pack_mode 1, whole."""
    assert pyads("structures", server) == {
        "before": {"bFlag": True, "fValue": 1.25, "nValue": -3},
        "after": {"bFlag": False, "fValue": 2.5, "nValue": 99},
    }


def test_it_reads_and_writes_lists(server: Serving) -> None:
    """Sum reads and writes by name; 600 names are split by pyads at 500."""
    found = pyads("lists", server, "600")
    assert found["read"]["GVL_Types.nInt"] == -12345
    assert found["read"]["GVL_Types.nUdint"] == 3456789012
    assert set(found["wrote"].values()) == {"no error"}
    assert found["again"] == {"GVL_Types.nUint": 1, "GVL_Types.nUdint": 2}
    assert found["many"] == 600


def test_it_finds_symbols_with_types_and_comments(server: Serving) -> None:
    """The upload, one symbol by name, a live value, a write by symbol."""
    found = pyads("symbols", server)
    assert found["count"] > 60
    assert {"INT", "UDINT", "LWORD"} <= set(found["types"])
    assert found["comment"] == "one up in each cycle"
    assert found["moves"]
    assert found["wrote"] == 55


def test_it_is_notified_by_the_cycle(server: Serving) -> None:
    """Stamps of a 20 ms subscription are 15 to 25 ms apart, and nothing comes once it was deleted."""
    found = pyads("notifications", server)
    assert found["count"]
    assert found["quiet"]
    assert all(15 <= gap <= 25 for gap in found["gaps"])


@pytest.mark.parametrize("end", ["delete", "leave"])
def test_a_thousand_subscriptions_deleted_or_left_behind(server: Serving, end: str) -> None:
    """Every one of 1024 constants is heard, whose first sample is the only one, and a client may just go away."""
    for _ in range(2):
        assert pyads("many_notifications", server, end) == {"handles": 1024, "heard": 1024}


def test_it_stops_and_starts_the_plc(server: Serving) -> None:
    """WriteControl, and its odd states."""
    assert pyads("control", server) == {"stopped": [6, 0], "running": [5, 0], "odd": [0x701, 0x701]}


def test_a_port_that_nobody_serves_is_error_6(server: Serving) -> None:
    """In the AMS header, as AdsLib's tests expect."""
    assert pyads("port", server, "1000") == {"error": 6}


def test_nobody_adds_a_route_where_there_are_no_passwords(server: Serving) -> None:
    """Without credentials in the configuration every password is wrong, and that is said."""
    assert pyads("add_route", server, "Administrator", "1") == {"added": False, "refusal": True}


def test_it_adds_a_route_with_the_right_password_only(tmp_path: Path) -> None:
    """Discovery tells our NetId; a wrong password is refused with 0x704, the right one adds the route, and it stays."""
    UserFile(tmp_path / "users").put("operator", "correct horse")
    (tmp_path / "dinrail.toml").write_text('[ads.credentials]\nfile = "users"\n')
    words = ("--simulate", "--config", str(tmp_path / "dinrail.toml"), "--state", str(tmp_path / "state"))
    with serving(*words) as own:
        assert pyads("add_route", own, "operator", "guess") == {"added": False, "refusal": True}
        assert pyads("add_route", own, "operator", "correct horse") == {"added": True, "net_id": str(NET_ID)}
    kept = json.loads((tmp_path / "state/routes.json").read_text())
    assert [one["route"]["net_id"] for one in kept["routes"]] == ["10.7.7.8.1.1"]


def test_it_connects_again_after_the_server_was_killed_and_started_again() -> None:
    """The call after the loss is an error, no hang; a connection opened anew reads and is notified as before."""
    with serving("--simulate") as first, running(pyads_argv("stay", first)) as (client,):
        client.ready()
        first.kill()
        with serving("--simulate", address=first.address):
            client.go_on()
            found = client.result()
    assert found.pop("lost") > 0
    assert found == {"before": -12345, "after": -12345, "heard": True}
