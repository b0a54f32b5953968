"""Counters as plain numbers, for status and metrics alike."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

Numbers = Mapping[str, int]


def numbers_of(counters: Any) -> Numbers:
    """The integer fields of a counters dataclass, by name."""
    values = {field.name: getattr(counters, field.name) for field in dataclasses.fields(counters)}
    return {name: value for name, value in values.items() if isinstance(value, int)}
