"""The checked tree: statements."""

from __future__ import annotations

from dataclasses import dataclass

from dinrail.plc.core.expression import Expression, Location
from dinrail.plc.source import Place


@dataclass(slots=True, eq=False)
class Assign:
    """A scalar to a place of its very type. The value is evaluated before the place."""

    at: Place
    target: Location
    value: Expression


@dataclass(slots=True, eq=False)
class Copy:
    """`target.type.size_bytes` bytes; the two may overlap. Instances keep their class (the number is not copied)."""

    at: Place
    target: Location
    source: Location


@dataclass(slots=True, eq=False)
class CopyText:
    """A text into a place of a TextType: as many units as fit, and a NUL. The two may overlap."""

    at: Place
    target: Location
    source: Location


@dataclass(slots=True, eq=False)
class Fill:
    """Sets a place to a constant image of its type (`data`; b"" means zeros): defaults of locals and new instances."""

    at: Place
    target: Location
    data: bytes


@dataclass(slots=True, eq=False)
class Evaluate:
    """For its effect: a call."""

    at: Place
    value: Expression


@dataclass(slots=True, eq=False)
class If:
    """IF, and each ELSIF inside `otherwise`."""

    at: Place
    condition: Expression
    then: list[Statement]
    otherwise: list[Statement]


@dataclass(slots=True, eq=False)
class Switch:
    """CASE: branches are (ranges of the selector's type, body); the first that holds it runs."""

    at: Place
    selector: Expression
    branches: list[tuple[tuple[tuple[int, int], ...], list[Statement]]]
    otherwise: list[Statement]


@dataclass(slots=True, eq=False)
class Loop:
    """Everything that repeats. Each round: `before` and the test, `body`, then `step`; CONTINUE goes to `step`.

    condition:    tested before each round (WHILE, FOR); None: always.
    until:        tested after body and step (REPEAT: leaves when TRUE); None: never.
    """

    at: Place
    condition: Expression | None
    body: list[Statement]
    step: list[Statement]
    until: Expression | None


@dataclass(slots=True, eq=False)
class Exit:
    """Out of the innermost Loop."""

    at: Place


@dataclass(slots=True, eq=False)
class Continue:
    """To the next round of the innermost Loop."""

    at: Place


@dataclass(slots=True, eq=False)
class Return:
    """Out of the function."""

    at: Place


@dataclass(slots=True, eq=False)
class Label:
    """A place to jump to."""

    at: Place
    name: str


@dataclass(slots=True, eq=False)
class Jump:
    """To a Label of the same function."""

    at: Place
    name: str


@dataclass(slots=True, eq=False)
class Try:
    """A fault in `body` (or what it calls) sets `code` to its number and runs `catch`. `finally_` runs always.

    code: a DINT place, or None. EXIT, CONTINUE, RETURN and JMP do not leave `body` (checked).
    """

    at: Place
    body: list[Statement]
    code: Location | None
    catch: list[Statement]
    finally_: list[Statement]


Statement = (
    Assign | Copy | CopyText | Fill | Evaluate | If | Switch | Loop | Exit | Continue | Return | Label | Jump | Try
)
