"""The syntax tree: statements."""

from __future__ import annotations

from dataclasses import dataclass

from dinrail.plc.parse.expression import Expr
from dinrail.plc.source import Place


@dataclass(slots=True, eq=False)
class ExprStmt:
    """A call or an assignment; also a lone name, which the checker refuses or warns about."""

    at: Place
    value: Expr


@dataclass(slots=True, eq=False)
class If:
    """branches: (condition, statements) of IF and each ELSIF."""

    at: Place
    branches: list[tuple[Expr, list[Stmt]]]
    otherwise: list[Stmt]


@dataclass(slots=True, eq=False)
class Range:
    """`low..high` as a CASE label."""

    at: Place
    low: Expr
    high: Expr


@dataclass(slots=True, eq=False)
class CaseBranch:
    """`labels: body`."""

    at: Place
    labels: list[Expr | Range]
    body: list[Stmt]


@dataclass(slots=True, eq=False)
class Case:
    """CASE. has_else: whether ELSE was written, even if empty."""

    at: Place
    selector: Expr
    branches: list[CaseBranch]
    otherwise: list[Stmt]
    has_else: bool


@dataclass(slots=True, eq=False)
class For:
    """FOR. step None: by 1."""

    at: Place
    variable: Expr
    start: Expr
    end: Expr
    step: Expr | None
    body: list[Stmt]


@dataclass(slots=True, eq=False)
class While:
    """WHILE."""

    at: Place
    condition: Expr
    body: list[Stmt]


@dataclass(slots=True, eq=False)
class Repeat:
    """REPEAT."""

    at: Place
    body: list[Stmt]
    until: Expr


@dataclass(slots=True, eq=False)
class Exit:
    """EXIT."""

    at: Place


@dataclass(slots=True, eq=False)
class Continue:
    """CONTINUE."""

    at: Place


@dataclass(slots=True, eq=False)
class Return:
    """RETURN."""

    at: Place


@dataclass(slots=True, eq=False)
class Jump:
    """`JMP label;`"""

    at: Place
    label: str


@dataclass(slots=True, eq=False)
class Label:
    """`label:`"""

    at: Place
    name: str


@dataclass(slots=True, eq=False)
class Try:
    """`__TRY ... __CATCH(code) ... __FINALLY ... __ENDTRY`. code: the variable that takes the exception, or None."""

    at: Place
    body: list[Stmt]
    code: Expr | None
    catch: list[Stmt]
    finally_: list[Stmt]


Stmt = ExprStmt | If | Case | For | While | Repeat | Exit | Continue | Return | Jump | Label | Try
