"""What is said on the supervisor's socket."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dinrail.daemon.protocol import (
    Op,
    Request,
    encode_fault,
    encode_request,
    encode_result,
    parse_answer,
    parse_request,
)
from dinrail.errors import BadRequest, DinrailError, HostError, Refused

REQUESTS = (
    Request(Op.STATUS),
    Request(Op.START, "hmi", "/etc/dinrail/dinrail.toml", ("--headless-ok",), 5),
    Request(Op.STOP, "hmi", timeout_ns=0),
    Request(Op.KILL, "hmi"),
    Request(Op.DOWN),
)


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda r: str(r.op))
def test_requests_come_back_as_they_went(request_: Request) -> None:
    """Also a timeout of zero, which is not the same as none."""
    assert parse_request(encode_request(request_)) == request_


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"x",
        b"[]",
        b"{}",
        b'{"op": "reboot"}',
        b'{"op": ["status"]}',
        b'{"op": "status", "more": 1}',
        b'{"op": "guest.stop"}',
        b'{"op": "guest.stop", "name": "../../etc"}',
        b'{"op": "guest.start", "name": "hmi", "config": "relative.toml"}',
        b'{"op": "guest.start", "name": "hmi", "config": "/a\\u0000b"}',
        b'{"op": "guest.stop", "name": "hmi", "timeout_ns": -1}',
        b'{"op": "guest.stop", "name": "hmi", "timeout_ns": true}',
        b'{"op": "guest.start", "name": "hmi", "config": "/a", "waivers": "--headless-ok"}',
        b"[" * 100_000,
    ],
)
def test_garbage_is_one_declared_error(line: bytes) -> None:
    """And never a path, a name or a number that nobody checked."""
    with pytest.raises(BadRequest):
        parse_request(line)


@given(st.binary(max_size=100))
def test_any_bytes_are_a_request_or_a_bad_request(line: bytes) -> None:
    """In both directions nothing else escapes."""
    try:
        parse_request(line)
    except BadRequest:
        line = line[::-1]
    try:
        parse_answer(line)
    except DinrailError:
        return


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(["op", "name", "config", "waivers", "timeout_ns"]), _JSON)
def test_any_value_in_a_field_is_checked(field: str, value: object) -> None:
    """A wrong type is a bad request."""
    table = {"op": "guest.start", "name": "hmi", "config": "/a", field: value}
    try:
        parse_request(json.dumps(table).encode())
    except BadRequest:
        return


@pytest.mark.parametrize("kind", [Refused, BadRequest, HostError])
def test_faults_arrive_whole(kind: type[DinrailError]) -> None:
    """With their exit code and every part: a command shows the same, supervisor or not."""
    sent = kind("no", where="here", why="because", hint="try", details=("a", "b"))
    with pytest.raises(kind) as caught:
        parse_answer(encode_fault(sent))
    assert caught.value.as_dict() == sent.as_dict()


def test_results_arrive_whole() -> None:
    """As JSON types."""
    assert parse_answer(encode_result({"name": "hmi", "pid": None})) == {"name": "hmi", "pid": None}


@pytest.mark.parametrize("line", [b'{"ok": true}', b'{"ok": true, "result": 1}', b'{"ok": false, "error": 5}'])
def test_an_answer_without_sense_is_a_host_error(line: bytes) -> None:
    """A supervisor of another version, most likely."""
    with pytest.raises(HostError):
        parse_answer(line)
