"""What is said on the supervisor's socket: one JSON object a line, one request and one answer a connection.

    {"op": "status"}
    {"op": "guest.start", "config": "/etc/dinrail/dinrail.toml", "name": "hmi", "waivers": ["--headless-ok"]}
    {"op": "guest.stop", "name": "hmi", "timeout_ns": 60000000000}    {"op": "guest.kill", "name": "hmi"}
    {"op": "down"}

    {"ok": true, "result": {...}}      {"ok": false, "exit_code": 1, "error": {"what": ..., "where": ..., ...}}

Bytes in, values out; nothing here does I/O. Only root can connect, and still any bytes give a request or a BadRequest.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from dinrail.errors import BadRequest, DinrailError, HostError, Refused

MAX_LINE_BYTES = 1 << 16
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")
_MAX_TIMEOUT_NS = 3600 * 10**9


class Op(enum.StrEnum):
    STATUS = "status"
    START = "guest.start"
    STOP = "guest.stop"
    KILL = "guest.kill"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Request:
    """`config` is an absolute path. Fields that an operation does not use have their defaults."""

    op: Op
    name: str = ""
    config: str = ""
    waivers: tuple[str, ...] = ()
    timeout_ns: int | None = None


def encode_request(request: Request) -> bytes:
    said = {key: value for key, value in asdict(request).items() if value not in (None, "", ())}
    return json.dumps(said).encode() + b"\n"


def parse_request(line: bytes) -> Request:
    """The request in a line. Raises BadRequest, and nothing else, for any bytes."""
    table = _object(line)
    unknown = sorted(set(table) - {"op", "name", "config", "waivers", "timeout_ns"})
    if unknown:
        raise _bad(f"unknown field {unknown[0][:40]!r}")
    op = next((known for known in Op if known == _text(table, "op")), None)
    if op is None:
        raise _bad("no known operation")
    name, config = _text(table, "name"), _text(table, "config")
    if op in (Op.START, Op.STOP, Op.KILL) and not _NAME.fullmatch(name):
        raise _bad("not a guest's name")
    if op is Op.START and (not config.startswith("/") or not config.isprintable()):
        raise _bad("config is no absolute path")
    timeout_ns = table.get("timeout_ns")
    if timeout_ns is not None and (type(timeout_ns) is not int or not 0 <= timeout_ns <= _MAX_TIMEOUT_NS):
        raise _bad("timeout_ns is no time up to an hour")
    return Request(op, name, config, _waivers(table), timeout_ns)


def encode_result(result: Mapping[str, object]) -> bytes:
    return json.dumps({"ok": True, "result": result}).encode() + b"\n"


def encode_fault(fault: DinrailError) -> bytes:
    return json.dumps({"ok": False, "exit_code": fault.exit_code, "error": fault.as_dict()}).encode() + b"\n"


def parse_answer(line: bytes) -> Mapping[str, Any]:
    """The result in an answer; raises the fault that it carries, as the class of its exit code."""
    table = _object(line)
    result = table.get("result")
    if table.get("ok") is True and isinstance(result, dict):
        return result
    error = table.get("error")
    if not isinstance(error, dict):
        raise HostError("the supervisor's answer makes no sense", hint="is it of another version? dinrail down")
    kind = next((kind for kind in (Refused, BadRequest) if kind.exit_code == table.get("exit_code")), HostError)
    details = error.get("details")
    raise kind(
        str(error.get("what")),
        where=_part(error, "where"),
        why=_part(error, "why"),
        hint=_part(error, "hint"),
        details=tuple(map(str, details)) if isinstance(details, list) else (),
    )


def _object(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as fault:
        raise _bad("not JSON") from fault
    if not isinstance(value, dict):
        raise _bad("not a JSON object")
    return value


def _part(error: Mapping[str, Any], key: str) -> str | None:
    value = error.get(key)
    return value if isinstance(value, str) else None


def _text(table: Mapping[str, Any], key: str) -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        raise _bad(f"{key} is no text")
    return value


def _waivers(table: Mapping[str, Any]) -> tuple[str, ...]:
    value = table.get("waivers", [])
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise _bad("waivers is no list of options")
    return tuple(value)


def _bad(what: str) -> BadRequest:
    return BadRequest(what, where="request on the supervisor's socket")
