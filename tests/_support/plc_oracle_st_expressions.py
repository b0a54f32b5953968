"""Random Structured Text: expressions, type-correct by construction and fully parenthesised."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from plc_oracle_st_types import (
    BITS,
    BOOL,
    DURATIONS,
    FLOATS,
    INTEGERS,
    NUMBERS,
    SCALARS,
    SIGNED,
    WIDTH,
    Block,
    Index,
    Interface,
    Kind,
    Leaf,
    Method,
    Pointer,
    Scalar,
    Text,
    leaves,
    literal,
    text_literal,
)

COMPARE = ("=", "<>", "<", "<=", ">", ">=")
FLOAT_FUNCTIONS = ("ABS", "SQRT")


@dataclass(frozen=True, slots=True)
class FunctionShape:
    """A function that expressions may call: inputs, then maybe an output and an in-out."""

    name: str
    inputs: tuple[tuple[str, Kind], ...]
    result: Kind
    outputs: tuple[tuple[str, Kind], ...] = ()
    in_outs: tuple[tuple[str, Kind], ...] = ()


@dataclass(slots=True)
class Scope:
    """What an expression may name, and how wild it may be.

    tame: no index outside, no address that is not set: for code without checks, where those are undefined.
    """

    dice: Random
    tame: bool = False
    leaves: list[Leaf] = field(default_factory=list)
    counters: list[str] = field(default_factory=list)  # loop variables, to be read only
    functions: list[FunctionShape] = field(default_factory=list)
    methods: list[Method] = field(default_factory=list)  # of the instance whose code this is
    references: list[str] = field(default_factory=list)
    without: frozenset[str] = frozenset()

    def declare(self, name: str, kind: Kind, writable: bool = True, lasting: bool = True) -> None:
        self.leaves += leaves(name, kind, writable, lasting)

    def has(self, feature: str, chance: float) -> bool:
        """Whether to use a feature now."""
        return feature not in self.without and self.dice.random() < chance

    # ------------------------------------------------------------------------------------------------ places

    def find(self, wanted: Callable[[Leaf], bool], properties: bool = False) -> Leaf | None:
        found = [leaf for leaf in self.leaves if wanted(leaf) and (properties or not leaf.is_property)]
        return self.dice.choice(found) if found else None

    def render(self, leaf: Leaf) -> str:
        """Its name, indices filled in."""
        return "".join(piece if isinstance(piece, str) else self.index(piece) for piece in leaf.pieces)

    def index(self, hole: Index) -> str:
        return f"[{', '.join(self._one_index(low, high) for low, high in hole.dimensions)}]"

    def _one_index(self, low: int, high: int) -> str:
        roll = self.dice.random()
        if roll < 0.7:
            return str(self.dice.randint(low, high))
        if roll < 0.98 or self.tame:
            return f"LIMIT({low}, {self.integer_name()}, {high})"
        name = self.integer_name()
        return str(self.dice.randint(low, high)) if name.isdecimal() else name

    def integer_name(self) -> str:
        """A small integer variable, or a number."""
        if self.counters and self.dice.random() < 0.6:
            return self.dice.choice(self.counters)
        plain = [
            leaf
            for leaf in self.leaves
            if isinstance(leaf.kind, Scalar) and leaf.kind.name in ("SINT", "INT", "DINT") and len(leaf.pieces) == 1
        ]
        return self.render(self.dice.choice(plain)) if plain else str(self.dice.randint(0, 3))

    def place(self, kind: Kind, writable: bool = False) -> str | None:
        """A variable of the type."""
        leaf = self.find(lambda leaf: leaf.kind == kind and (leaf.writable or not writable), properties=not writable)
        return self.render(leaf) if leaf else None

    # ------------------------------------------------------------------------------------------- expressions

    def expression(self, kind: Kind, depth: int) -> str:
        """Anything of a scalar or text type."""
        if isinstance(kind, Text):
            return self.text(kind)
        assert isinstance(kind, Scalar)
        if depth <= 0 or self.dice.random() < 0.2:
            return self.atom(kind)
        if kind.members:
            return self.atom(kind)
        if self.has("calls", 0.12) and (call := self.call(kind, depth)):
            return call
        if kind.name == "BOOL":
            return self.truth(depth)
        if self.has("choices", 0.1):
            return self.choice(kind, depth)
        if kind.name in WIDTH:
            return self.whole(kind, depth)
        if kind.name in FLOATS:
            return self.floating(kind, depth)
        return self.moment(kind, depth)

    def atom(self, kind: Scalar) -> str:
        if self.dice.random() < 0.85 and (found := self.place(kind)):
            return found
        if kind.name in ("INT", "DINT") and self.counters and self.dice.random() < 0.2:
            counter = self.dice.choice(self.counters)
            return counter if kind.name == "DINT" else f"DINT_TO_INT({counter})"
        return literal(self.dice, kind)

    def whole(self, kind: Scalar, depth: int) -> str:
        name, roll = kind.name, self.dice.random()
        if roll < 0.4:
            operators = ("+", "-", "*", "/", "MOD") if name in INTEGERS else ("+", "-", "AND", "OR", "XOR")
            operator = self.dice.choice(operators)
            right = self.expression(kind, depth - 1)
            if operator in ("/", "MOD"):
                right = self.divisor(kind, right)
            return f"({self.moving(kind, depth - 1)} {operator} {right})"
        if roll < 0.5 and name in BITS:
            return f"(NOT {self.expression(kind, depth - 1)})"
        if roll < 0.5 and name in SIGNED:
            return f"(-{self.moving(kind, depth - 1)})"
        if roll < 0.62:
            count = str(self.dice.randint(1, self.dice.choice((7, WIDTH[name] - 1, 66))))
            if self.dice.random() < 0.2:
                count = self.expression(Scalar("USINT"), 0)
            return f"{self.dice.choice(('SHL', 'SHR', 'ROL', 'ROR'))}({self.expression(kind, depth - 1)}, {count})"
        if name == "INT" and self.has("library", 0.1):
            a, b = (self.known_text(Text(8)) for _ in range(2))
            return self.dice.choice((f"LEN({a})", f"FIND({a}, {b})", f"STRING_TO_INT({a})"))
        if roll < 0.72:
            return self.choose_from(kind, depth)
        return self.converted(kind, depth)

    def moving(self, kind: Scalar, depth: int) -> str:
        """No constant: one that overflows would be refused."""
        text = self.expression(kind, depth)
        return f"INT_TO_{kind.name}(n0)" if is_constant(text) else text

    def divisor(self, kind: Scalar, value: str) -> str:
        """Mostly not 0, and never a constant that is."""
        if self.dice.random() < 0.94 or "(" in value or is_constant(value):
            return f"MAX({kind.name}#{1 if kind.name in WIDTH else 0.5}, {value})"
        return value

    def choose_from(self, kind: Scalar, depth: int) -> str:
        a, b, c = (self.expression(kind, depth - 1) for _ in range(3))
        return self.dice.choice((f"MIN({a}, {b})", f"MAX({a}, {b})", f"LIMIT({a}, {b}, {c})"))

    def converted(self, kind: Scalar, depth: int) -> str:
        """From any other number, BOOL or duration."""
        sources = [name for name in (*NUMBERS, "BOOL", *DURATIONS) if name != kind.name]
        source = Scalar(self.dice.choice(sources))
        inner = self.expression(source, depth - 1)
        if "to" not in self.without and self.dice.random() < 0.3:
            return f"TO_{kind.name}({inner})"
        return f"{source.name}_TO_{kind.name}({inner})"

    def floating(self, kind: Scalar, depth: int) -> str:
        if self.has("maths", 0.08):
            return self.quantised(kind, depth)
        roll = self.dice.random()
        if roll < 0.5:
            operator, right = self.dice.choice("+-*/"), self.expression(kind, depth - 1)
            right = self.divisor(kind, right) if operator == "/" else right
            return f"({self.moving(kind, depth - 1)} {operator} {right})"
        if roll < 0.6:
            return f"(-{self.moving(kind, depth - 1)})"
        if roll < 0.7:
            return f"{self.dice.choice(FLOAT_FUNCTIONS)}({self.expression(kind, depth - 1)})"
        if roll < 0.8:
            return self.choose_from(kind, depth)
        return self.converted(kind, depth)

    def quantised(self, kind: Scalar, depth: int) -> str:
        """What the C library computes, coarse enough for the last bit not to matter."""
        function = self.dice.choice(("SIN", "COS", "ATAN", "EXP", "LN", "LOG"))
        inner = f"LIMIT({kind.name}#-50.0, {self.expression(kind, depth - 1)}, {kind.name}#50.0)"
        inner = f"ABS({inner}) + {kind.name}#0.5" if function in ("LN", "LOG") else inner
        small = f"LIMIT({kind.name}#-1.0e4, {function}({inner}), {kind.name}#1.0e4)"
        return f"DINT_TO_{kind.name}({kind.name}_TO_DINT({kind.name}#1000.0 * {small}))"

    def moment(self, kind: Scalar, depth: int) -> str:
        if kind.name in DURATIONS and self.dice.random() < 0.6:
            return f"({self.expression(kind, depth - 1)} {self.dice.choice('+-')} {self.expression(kind, depth - 1)})"
        return self.choose_from(kind, depth) if self.dice.random() < 0.3 else self.atom(kind)

    def choice(self, kind: Scalar, depth: int) -> str:
        a, b = (self.expression(kind, depth - 1) for _ in range(2))
        if self.dice.random() < 0.7:
            return f"SEL({self.expression(BOOL, depth - 1)}, {a}, {b})"
        return f"MUX({self.dice.randint(0, 2)}, {a}, {b}, {self.expression(kind, depth - 1)})"

    def truth(self, depth: int) -> str:
        roll = self.dice.random()
        if roll < 0.5:
            kind: Kind = Scalar(self.dice.choice(SCALARS))
            if self.has("texts", 0.1) and (text := self.find(lambda leaf: isinstance(leaf.kind, Text))):
                kind = text.kind
            left, right = self.expression(kind, depth - 1), self.expression(kind, depth - 1)
            return f"({left} {self.dice.choice(COMPARE)} {right})"
        if roll < 0.8:
            operator = self.dice.choice(("AND", "OR", "XOR", "AND_THEN", "OR_ELSE"))
            return f"({self.expression(BOOL, depth - 1)} {operator} {self.expression(BOOL, depth - 1)})"
        if roll < 0.9:
            return f"(NOT {self.expression(BOOL, depth - 1)})"
        if roll < 0.93 and self.references and "valid" not in self.without:
            return f"__ISVALIDREF({self.dice.choice(self.references)})"
        return self.bit() or self.atom(BOOL)

    def bit(self, writable: bool = False) -> str | None:
        """`w.3` of an integer or bit string variable."""
        leaf = self.find(
            lambda leaf: isinstance(leaf.kind, Scalar) and leaf.kind.name in WIDTH and (leaf.writable or not writable)
        )
        if leaf is None or "bits" in self.without:
            return None
        assert isinstance(leaf.kind, Scalar)
        return f"{self.render(leaf)}.{self.dice.randrange(WIDTH[leaf.kind.name])}"

    def text(self, kind: Text) -> str:
        """A text variable of either length, or a literal."""
        if self.has("library", 0.2):
            return self.made_text(kind)
        calls = [shape for shape in self.functions if isinstance(shape.result, Text) and shape.result.wide == kind.wide]
        if calls and self.has("calls", 0.2) and (call := self.call_function(self.dice.choice(calls), 2)):
            return call
        return self.known_text(kind)

    def made_text(self, kind: Text) -> str:
        """What the library makes of texts and numbers."""
        a, b, w = self.known_text(kind), self.known_text(kind), "W" if kind.wide else ""
        n, m = self.dice.randint(0, 4), self.dice.randint(1, 3)
        source = Scalar(self.dice.choice((*INTEGERS, *BITS, "BOOL", "REAL", "LREAL", "TIME", "LTIME")))
        made = [f"{w}CONCAT({a}, {b})", f"{w}LEFT({a}, {n})", f"{w}RIGHT({a}, {n})", f"{w}MID({a}, {n}, {m})"]
        made += [f"{w}INSERT({a}, {b}, {n})", f"{w}DELETE({a}, {n}, {m})", f"{w}REPLACE({a}, {b}, {n}, {m})"]
        made.append(f"{source.name}_TO_{w}STRING({self.expression(source, 1)})")
        return self.dice.choice(made)

    def known_text(self, kind: Text) -> str:
        """A variable of either length, or a literal."""
        leaf = self.find(lambda leaf: isinstance(leaf.kind, Text) and leaf.kind.wide == kind.wide)
        return text_literal(self.dice, kind) if leaf is None or self.dice.random() < 0.3 else self.render(leaf)

    # ------------------------------------------------------------------------------------------------- calls

    def call(self, kind: Scalar, depth: int) -> str | None:
        """A function, or a method of an instance, of THIS or behind an interface, that yields the type."""
        options: list[Callable[[], str | None]] = []
        options += [lambda f=f: self.call_function(f, depth) for f in self.functions if f.result == kind]
        options += [lambda m=m: self.call_method("THIS^", m, depth) for m in self.methods if m.result == kind]
        for leaf in self.leaves:
            for method in methods_of(leaf.kind):
                if method.result == kind:
                    options.append(
                        lambda leaf=leaf, method=method: self.call_method(receiver(self, leaf), method, depth)
                    )
        return self.dice.choice(options)() if options else None

    def call_method(self, receiver: str, method: Method, depth: int) -> str:
        given = [(name, self.expression(kind, depth - 1)) for name, kind in method.parameters]
        return f"{receiver}.{method.name}({self.arguments(given)})"

    def arguments(self, given: list[tuple[str, str]]) -> str:
        """By name or by position."""
        if self.dice.random() < 0.5:
            return ", ".join(f"{name} := {value}" for name, value in given)
        return ", ".join(value for _, value in given)

    def call_function(self, shape: FunctionShape, depth: int) -> str | None:
        """All arguments by name when there are outputs or in-outs."""
        given = []
        for name, kind in shape.inputs:
            value = self.expression(kind, depth - 1) if isinstance(kind, Scalar | Text) else self.place(kind)
            if value is None:
                return None
            given.append((name, value))
        rest = []
        for name, kind in shape.in_outs:
            target = self.place(kind, writable=True)
            if target is None:
                return None
            rest.append(f"{name} := {target}")
        for name, kind in shape.outputs:
            target = self.place(kind, writable=True)
            if target is not None:
                rest.append(f"{name} => {target}")
        if not rest:
            return f"{shape.name}({self.arguments(given)})"
        return f"{shape.name}({', '.join([*(f'{name} := {value}' for name, value in given), *rest])})"


def is_constant(text: str) -> bool:
    """Whether an expression names no variable (those of generated programs begin with a small letter)."""
    return re.search(r"\b[a-z]", text) is None


def receiver(scope: Scope, leaf: Leaf) -> str:
    """What stands before the dot of a method's call."""
    through = "^" if isinstance(leaf.kind, Pointer) and not leaf.kind.reference else ""
    return scope.render(leaf) + through


def methods_of(kind: Kind) -> list[Method]:
    """What can be called on a variable of the type."""
    match kind:
        case Block():
            return kind.methods
        case Interface():
            return list(kind.methods)
        case Pointer(target=Block() as target):
            return target.methods
        case _:
            return []
