"""pydantic's faults in our words: each with its TOML path, the value that offends, and a hint."""

from __future__ import annotations

import difflib
import re
import types
import typing
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SHOWN_CHARACTERS = 60


def toml_path(parts: Iterable[str | int]) -> str:
    """`guest.hmi.disks[0].path`, with quotes where TOML needs them. pydantic's own marks (`[key]`) are left out."""
    text = ""
    for part in parts:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part != "[key]":
            key = part if _BARE_KEY.fullmatch(part) else f'"{part}"'
            text += f".{key}" if text else key
    return text or "the document"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint for a word that is none of the known ones."""
    choices = sorted(known)
    near = difflib.get_close_matches(word.lower(), choices, n=1)
    return f"did you mean `{near[0]}`?" if near else "known here: " + ", ".join(choices)


def fault_lines(error: ValidationError, model: type[BaseModel]) -> tuple[str, ...]:
    """One line for each fault of a document of this model, in the order of the document."""
    return tuple(_line(fault, model) for fault in error.errors(include_url=False))


def _line(fault: ErrorDetails, model: type[BaseModel]) -> str:
    context = fault.get("ctx", {})
    hint = str(context.get("hint", ""))
    what = fault["msg"][:1].lower() + fault["msg"][1:]
    if fault["type"] == "extra_forbidden":
        what = "no such key"
        hint = did_you_mean(str(fault["loc"][-1]), _keys_at(model, fault["loc"][:-1]))
    elif fault["type"] == "missing":
        what = "missing"
    elif fault["type"] == "string_pattern_mismatch" and fault["loc"][-1] == "[key]":
        what, hint = "not a guest's name", "lower-case letters, digits and `-`, at most 31, beginning with no `-`"
    elif fault["type"] == "enum" and isinstance(fault["input"], str):
        expected = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        hint = did_you_mean(fault["input"], expected)
    shown = _shown(fault["input"])
    whole = isinstance(fault["input"], dict | list)  # a table that contradicts itself: nobody reads it as Python
    silent = fault["type"] in ("missing", "extra_forbidden") or fault["input"] is None or whole or shown in what
    value = "" if silent else f" (it says {shown})"
    tail = f"; try: {hint}" if hint else ""
    return f"{toml_path(fault['loc'])}: {what}{value}{tail}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "..."


def _keys_at(model: type[BaseModel], location: tuple[str | int, ...]) -> tuple[str, ...]:
    """The keys that the table at this place may have."""
    here: Any = model
    for part in location:
        here = _without_none(_fields(here)[str(part)].annotation if _is_model(here) else _element(here))
    return tuple(_fields(here)) if _is_model(here) else ()


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields by the names that the document has for them (`from` is no name in Python)."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _element(kind: Any) -> Any:
    """What a list or a table of tables is made of."""
    arguments = typing.get_args(kind)
    return arguments[-1] if arguments else kind


def _without_none(kind: Any) -> Any:
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return next((one for one in typing.get_args(kind) if one is not types.NoneType), kind)
    return kind
