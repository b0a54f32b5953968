"""The file of routes that were added at run time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ads.contract import INSIDE
from dinrail.ads.policy.presets import Preset
from dinrail.ads.router.routes import Route, Transport, check
from dinrail.ads.settings import AdsSettings, RouteSetting
from dinrail.ads.settings_json import from_text, to_text
from dinrail.ams.address import NULL_NET_ID, NetId
from dinrail.daemon.router.routing import Kept, Routing
from dinrail.errors import BadRequest

OWN = NetId.parse("5.1.2.3.1.1")
A = Route("a", NetId.parse("5.1.1.1.1.1"), "192.0.2.1")
GOOD = {"route": {"name": "a", "net_id": "5.1.1.1.1.1", "host": "h"}}
PRINTABLE = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=20)
ROUTES = st.builds(
    Route,
    name=PRINTABLE,
    net_id=st.binary(min_size=6, max_size=6).map(NetId).filter(lambda net_id: net_id != NULL_NET_ID),
    host=PRINTABLE,
    tcp_port=st.integers(0, 65535),
    transport=st.sampled_from(Transport),
    local_net_id=st.none() | st.binary(min_size=6, max_size=6).map(NetId),
    read_only=st.booleans(),
    unidirectional=st.booleans(),
    timeout_ns=st.integers(1, 10**12),
    max_fragment=st.integers(0, 10**6),
)


def routing(path: Path) -> Routing:
    return Routing(AdsSettings(), OWN, path, lambda: None)


@given(ROUTES, st.sampled_from(Preset))
def test_the_file_gives_back_what_was_put_in(route: Route, grants: Preset) -> None:
    """Every field of a route and what belongs to it survives the file."""
    assert check(route) == []
    kept = Kept((RouteSetting(route, grants),))
    assert from_text(Kept, to_text(kept).encode()) == kept


@given(st.binary(max_size=200))
def test_any_bytes_are_a_file_or_a_bad_request(data: bytes) -> None:
    """Nothing else is raised."""
    try:
        from_text(Kept, data)
    except BadRequest:
        return


def test_temporary_routes_are_not_stored(tmp_path: Path) -> None:
    """The file has what is to last; defaults are left out of it."""
    path = tmp_path / "routes.json"
    routes = routing(path)
    routes.add(A, INSIDE)
    routes.add(Route("t", NetId.parse("9.9.9.9.1.1"), "h", temporary=True), INSIDE)
    kept = {"route": {"name": "a", "net_id": "5.1.1.1.1.1", "host": "192.0.2.1"}}
    assert json.loads(path.read_text()) == {"routes": [kept]}
    assert [one.route for one in routing(path).added] == [A]


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        '{"routes": {}}',
        '{"routes": [1]}',
        '{"routes": [{}]}',
        '{"routes": [{"route": {"name": "a"}}]}',
        '{"routes": [{"route": {"name": "a", "net_id": "5.1.1.1.1.1", "host": "h", "tcp_port": true}}]}',
        '{"routes": [{"route": {"name": "a", "net_id": "5.1.1.1.1.1", "host": "h", "transport": "x"}}]}',
        '{"routes": [{"route": {"name": "a", "net_id": "5.1.1.1.1", "host": "h"}}]}',
        '{"routes": [{"route": {"name": "a", "net_id": "5.1.1.1.1.1", "host": "h"}, "grants": "all"}]}',
        '{"routes": [{"route": {"name": "a\\ud800", "net_id": "5.1.1.1.1.1", "host": "h"}}]}',
        json.dumps({"routes": [GOOD, {"nme": 1}]}),
        json.dumps({"routes": [GOOD, {"route": GOOD["route"] | {"host": "", "net_id": "5.1.1.2.1.1"}}]}),
        "[" * 100000,
    ],
)
def test_what_is_no_such_file_is_a_bad_request(tmp_path: Path, text: str) -> None:
    """Wrong shapes, types and unknown fields refuse the whole file, and it stays as it is."""
    path = tmp_path / "routes.json"
    path.write_text(text)
    with pytest.raises(BadRequest):
        routing(path)
    assert path.read_text() == text
