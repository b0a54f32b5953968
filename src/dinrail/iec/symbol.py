"""A variable that the outside can see: its instance path, its type, and where it lies."""

from __future__ import annotations

from dataclasses import dataclass

from dinrail.iec.types import Attribute, IecType


@dataclass(frozen=True, slots=True)
class Symbol:
    """One top-level symbol, `MAIN.fbDrive` or `GVL.x`. Members and elements follow from its type.

    group, offset: where it lies, as AMS index group and index offset (bytes).
    """

    name: str
    type: IecType
    group: int
    offset: int
    comment: str = ""
    attributes: tuple[Attribute, ...] = ()
    read_only: bool = False
    persistent: bool = False
    is_static: bool = False
