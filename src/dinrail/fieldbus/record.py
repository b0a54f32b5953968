"""DeviceSettings as JSON and back: from whoever starts a driver to the driver."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from dinrail.errors import FormatError
from dinrail.fieldbus.settings import DeviceSettings, OnLoss, Span, Table


def record_of(settings: DeviceSettings) -> bytes:
    """UTF-8."""
    return json.dumps(dataclasses.asdict(settings), sort_keys=True).encode()


def settings_of(data: bytes) -> DeviceSettings:
    """Raises FormatError for anything that `record_of` did not write."""
    try:
        plain = json.loads(data)
        plain |= {side: tuple(map(_span, plain[side])) for side in ("inputs", "outputs")}
        return DeviceSettings(**plain | {"on_loss": OnLoss(plain["on_loss"])})
    except (ValueError, TypeError, KeyError, RecursionError) as fault:
        raise FormatError("these are no device's settings", structure="DeviceSettings", why=str(fault)) from fault


def _span(plain: dict[str, Any]) -> Span:
    return Span(**{**plain, "table": Table(plain["table"])})
