"""npm's node-ads against our server."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from ads_process import Serving, serving
from foreign_clients import node, node_argv, running

pytestmark = pytest.mark.ads


@pytest.fixture(scope="module")
def server() -> Iterator[Serving]:
    with serving("--simulate") as running:
        yield running


def test_it_reads_values_states_and_info(server: Serving) -> None:
    """Numbers, times, texts and arrays by handle, the state and the device's name."""
    found = node("node_ads.mjs", "values", server)
    assert found["state"] == {"adsState": 5, "deviceState": 0}
    assert found["info"]["deviceName"] == "Plc30 App"
    assert (found["bool"], found["int"], found["udint"]) == (True, -12345, 3456789012)
    assert found["lreal"] == 2.718281828459045
    assert found["time"] == "1970-01-01T01:02:03.004Z"
    assert found["text"] == "a STRING longer than 255 bytes"
    assert found["array"] == [10, 20, 30, 40, 50]


def test_it_expands_arrays_from_the_uploads(server: Serving) -> None:
    """Its symbol list has every element of an array, which it can only know from the uploaded types."""
    found = node("node_ads.mjs", "symbols", server)
    assert found["element"]
    assert found["symbols"] > 10_000
    assert found["names"] == [f"GVL_Struct.aAxes[{n}]" for n in (1, 2, 3)]


def test_it_is_notified(server: Serving) -> None:
    """A counter at 20 ms comes every second cycle of 10 ms."""
    seen = node("node_ads.mjs", "notify", server)["seen"]
    assert [later - earlier for earlier, later in pairwise(seen)] == [2] * 9


def test_it_writes_alone_and_in_sums(server: Serving) -> None:
    """Single writes, multiRead and multiWrite."""
    assert node("node_ads.mjs", "multi", server)["read"] == [-12345, 54321, -123456789]
    assert node("node_ads.mjs", "writes", server) == {"int": -77, "lreal": 1.5}


def test_it_connects_again_after_the_server_was_killed_and_started_again() -> None:
    """The call after the loss is an error; its next connection reads and is notified as before."""
    with serving("--simulate") as first, running(node_argv("node_ads.mjs", "stay", first)) as (client,):
        client.ready()
        first.kill()
        with serving("--simulate", address=first.address):
            client.go_on()
            found = client.result()
    assert found == {"before": -12345, "lost": True, "after": -12345, "notified": 10}
