"""Random Structured Text: what the programs of one application share: types, functions, function blocks, interfaces."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from random import Random

from plc_oracle_st_expressions import FunctionShape, Scope
from plc_oracle_st_statements import Author, Node
from plc_oracle_st_types import (
    SCALARS,
    Array,
    Block,
    Interface,
    Kind,
    Method,
    Scalar,
    Struct,
    Text,
    literal,
    text_literal,
)

COUNTERS = [*(f"i{n} : DINT;" for n in range(3)), *(f"n{n} : INT;" for n in range(3))]


@dataclass(slots=True)
class Piece:
    """A named piece of the library: head lines, statements, tail lines; or several of those."""

    name: str
    parts: list[str | list[Node]]

    def text(self) -> str:
        out: list[str] = []
        for part in self.parts:
            out += [part] if isinstance(part, str) else [text for node in part for text in node.lines("    ")]
        return "\n".join(out) + "\n"


@dataclass(slots=True)
class Library:
    """Everything shared, and how to name it."""

    dice: Random
    tame: bool
    without: frozenset[str]
    palette: tuple[str, ...] = SCALARS
    pieces: list[Piece] = field(default_factory=list)
    kinds: list[Kind] = field(default_factory=list)
    functions: list[FunctionShape] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    open_arrays: list[Array] = field(default_factory=list)
    interfaces: list[Interface] = field(default_factory=list)

    def scalar(self) -> Scalar:
        if self.kinds and self.dice.random() < 0.1:
            enums = [kind for kind in self.kinds if isinstance(kind, Scalar)]
            return self.dice.choice(enums)
        return Scalar(self.dice.choice(self.palette))

    def any_kind(self, depth: int = 2) -> Kind:
        """Of a variable or field."""
        roll = self.dice.random()
        if depth <= 0 or roll < 0.55:
            return self.scalar()
        if roll < 0.65:
            return Text(self.dice.choice((1, 3, 8, 20)), self.dice.random() < 0.3)
        if roll < 0.8:
            low = self.dice.choice((0, 0, 1, -2))
            dimensions = [(low, low + self.dice.randint(0, 3)) for _ in range(self.dice.choice((1, 1, 2)))]
            return Array(self.any_kind(depth - 1), tuple(dimensions))
        structs = [kind for kind in self.kinds if isinstance(kind, Struct)]
        return self.dice.choice(structs) if structs else self.scalar()

    def initial(self, kind: Kind) -> str:
        """` := value` of a declaration, sometimes."""
        if self.dice.random() < 0.2:
            return ""
        if isinstance(kind, Scalar):
            return f" := {literal(self.dice, kind)}"
        if isinstance(kind, Array) and isinstance(kind.element, Scalar):
            count = math.prod(high - low + 1 for low, high in kind.dimensions)
            return f" := [{', '.join(literal(self.dice, kind.element) for _ in range(count))}]"
        return f" := {text_literal(self.dice, kind)}" if isinstance(kind, Text) else ""

    def declaration(self, name: str, kind: Kind) -> str:
        return f"{name} : {kind.name}{self.initial(kind)};"

    def scope(self) -> Scope:
        return Scope(self.dice, self.tame, functions=list(self.functions), without=self.without)

    # -------------------------------------------------------------------------------------------------- types

    def add_types(self) -> None:
        for number in range(2):
            members = tuple(f"m{n}" for n in range(self.dice.randint(2, 5)))
            base = self.dice.choice(("", " INT", " USINT", " DINT"))
            kind = Scalar(f"E_{number}", members)
            values = ", ".join(f"m{n} := {5 * n}" if self.dice.random() < 0.3 else f"m{n}" for n in range(len(members)))
            self.pieces.append(Piece(kind.name, [f"TYPE {kind.name} : ({values}){base}; END_TYPE"]))
            self.kinds.append(kind)
        for number in range(3):
            fields = tuple((f"f{n}", self.any_kind(2)) for n in range(self.dice.randint(2, 5)))
            self._structure(Struct(f"ST_{number}", fields), "STRUCT")
        for number in range(2):
            fields = tuple((f"u{n}", self._bits_only()) for n in range(3))
            self._structure(Struct(f"U_{number}", fields), "UNION")

    def _bits_only(self) -> Kind:
        """What may share memory with anything: every pattern of bits is a value."""
        kind = Scalar(self.dice.choice(("BYTE", "WORD", "DWORD", "LWORD", "INT", "UDINT", "LINT", "SINT")))
        return Array(kind, ((0, 7 if kind.name == "BYTE" else 1),)) if self.dice.random() < 0.4 else kind

    def _structure(self, kind: Struct, keyword: str) -> None:
        lines = [f"TYPE {kind.name} :", keyword]
        for name, of in kind.fields:
            lines.append(f"    {self.declaration(name, of) if keyword == 'STRUCT' else f'{name} : {of.name};'}")
        self.pieces.append(Piece(kind.name, [*lines, f"END_{keyword}", "END_TYPE"]))
        self.kinds.append(kind)

    # ---------------------------------------------------------------------------------------------- functions

    def add_open_array(self) -> None:
        """A function over an array of any bounds."""
        kind = Scalar(self.dice.choice([name for name in self.palette if name != "BOOL"]))
        lines = [f"FUNCTION F_open : {kind.name}", "VAR_IN_OUT", f"    a : ARRAY[*] OF {kind.name};", "END_VAR"]
        lines += ["VAR", "    i : DINT;", "END_VAR", "FOR i := LOWER_BOUND(a, 1) TO UPPER_BOUND(a, 1) DO"]
        lines += ["    F_open := MAX(F_open, a[i]);", "    a[i] := F_open;", "END_FOR"]
        self.pieces.append(Piece("F_open", [*lines, "END_FUNCTION"]))
        for _ in range(2):
            low = self.dice.randint(-3, 3)
            array = Array(kind, ((low, low + self.dice.randint(0, 4)),))
            self.open_arrays.append(array)
            self.functions.append(FunctionShape("F_open", (), kind, in_outs=(("a", array),)))

    def add_function(self, number: int) -> None:
        inputs = [(f"a{n}", self.any_kind(1)) for n in range(self.dice.randint(1, 3))]
        inputs = [(name, kind) for name, kind in inputs if not isinstance(kind, Array)] or [("a0", Scalar("INT"))]
        outputs = [("o0", self.scalar())] if self.dice.random() < 0.4 else []
        in_outs = [("r0", self.any_kind(2))] if self.dice.random() < 0.4 else []
        result: Kind = self.scalar()
        if number % 4 == 3:
            texts_and_structs = [kind for kind in self.kinds if isinstance(kind, Struct)] + [Text(6), Text(6, True)]
            result = self.dice.choice(texts_and_structs)
        shape = FunctionShape(f"F_{number}", tuple(inputs), result, tuple(outputs), tuple(in_outs))
        own = [(f"v{n}", self.any_kind(2)) for n in range(2)]
        scope = self.scope()
        for name, kind in [*inputs, *outputs, *in_outs, *own]:
            scope.declare(name, kind, lasting=False)
        scope.declare(shape.name, shape.result, lasting=False)
        lines = [f"FUNCTION {shape.name} : {shape.result.name}"]
        for keyword, variables in (("INPUT", inputs), ("OUTPUT", outputs), ("IN_OUT", in_outs)):
            if variables:
                lines += [f"VAR_{keyword}", *(f"    {name} : {kind.name};" for name, kind in variables), "END_VAR"]
        lines += ["VAR", *(f"    {self.declaration(*one)}" for one in own), *COUNTERS, "END_VAR"]
        if self.dice.random() < 0.3 and "stat" not in self.without:
            kept = ("s0", self.any_kind(1))
            scope.declare(*kept)
            lines += ["VAR_STAT", f"    {self.declaration(*kept)}", "END_VAR"]
        body = Author(scope, max_level=1).body(self.dice.randint(2, 4))
        if isinstance(result, Scalar | Text):
            body.append(Node([f"{shape.name} := {scope.expression(result, 2)};"], fixed=True))
        self.pieces.append(Piece(shape.name, [*lines, body, "END_FUNCTION"]))
        self.functions.append(shape)

    # ----------------------------------------------------------------------------------------- function blocks

    def method(self, name: str) -> Method:
        parameters = tuple((f"x{n}", self.scalar()) for n in range(self.dice.randint(0, 2)))
        return Method(name, parameters, self.scalar())

    def add_interface(self) -> None:
        interface = Interface("I_0", (self.method("Mi0"), self.method("Mi1")))
        lines = ["INTERFACE I_0"]
        for method in interface.methods:
            lines += [f"METHOD {method.name} : {method.result.name}", *_inputs(method), "END_METHOD"]
        self.pieces.append(Piece("I_0", [*lines, "END_INTERFACE"]))
        self.interfaces.append(interface)

    def add_block(self, number: int, base: Block | None) -> None:
        block = Block(f"FB_{number}", base)
        if base is not None:
            block.inputs, block.outputs = list(base.inputs), list(base.outputs)
            block.own, block.methods = list(base.own), list(base.methods)
            block.in_outs, block.properties = list(base.in_outs), list(base.properties)
        elif self.interfaces and self.dice.random() < 0.7:
            block.interface = self.interfaces[0]
            block.methods = list(block.interface.methods)
        new_inputs = [(f"in{number}{n}", self.any_kind(1)) for n in range(2)]
        new_outputs = [(f"out{number}{n}", self.scalar()) for n in range(2)]
        new_own = [(f"own{number}{n}", self.any_kind(2)) for n in range(2)]
        block.inputs += new_inputs
        block.outputs += new_outputs
        block.own += new_own
        new_in_outs = [(f"io{number}", self.any_kind(2))] if self.dice.random() < 0.25 else []
        new_in_outs = [] if "in_outs" in self.without else new_in_outs
        block.in_outs += new_in_outs
        inherited = {method.name for method in base.methods} if base else set()
        block.methods.append(self.method(f"M{number}"))
        heading = f"FUNCTION_BLOCK {block.name}"
        heading += f" EXTENDS {base.name}" if base else ""
        heading += f" IMPLEMENTS {block.interface.name}" if block.interface else ""
        lines: list[str | list[Node]] = [heading]
        for keyword, variables in (("_INPUT", new_inputs), ("_OUTPUT", new_outputs), ("", new_own)):
            lines += [f"VAR{keyword}", *(f"    {self.declaration(*one)}" for one in variables), "END_VAR"]
        for name, kind in new_in_outs:
            lines += ["VAR_IN_OUT", f"    {name} : {kind.name};", "END_VAR"]
        lines += ["VAR", *COUNTERS, "END_VAR"] if base is None else []
        inside = self._inside(block, block.methods)
        for name, kind in block.in_outs:
            inside.declare(name, kind, lasting=False)
        lines.append(Author(inside, max_level=1).body(self.dice.randint(1, 4)))
        for at, method in enumerate(block.methods):
            if method.name not in inherited or self.dice.random() < 0.5:
                lines += self._method(block, method, block.methods[:at], overrides=method.name in inherited)
        if self.dice.random() < 0.5 and "properties" not in self.without:
            lines += self._property(block, number)
        self.pieces.append(Piece(block.name, [*lines, "END_FUNCTION_BLOCK"]))
        self.blocks.append(block)

    def _property(self, block: Block, number: int) -> list[str | list[Node]]:
        """A property over the block's own fields."""
        name, kind = f"P{number}", self.scalar()
        reading, writing = self._inside(block, []), self._inside(block, [])
        writing.declare(name, kind, writable=False, lasting=False)
        value = [Node([f"{name} := {reading.expression(kind, 2)};"], fixed=True)]
        stored = Author(writing, max_level=0).body(self.dice.randint(1, 2), 1)
        block.properties.append((name, kind))
        head = [f"PROPERTY PUBLIC {name} : {kind.name}", "GET"]
        return [*head, value, "END_GET", "SET", stored, "END_SET", "END_PROPERTY"]

    def _inside(self, block: Block, callable_: list[Method]) -> Scope:
        scope = self.scope()
        scope.methods = [method for method in callable_ if "this" not in self.without]
        for name, kind in [*block.inputs, *block.outputs, *block.own]:
            scope.declare(name, kind)
        return scope

    def _method(self, block: Block, method: Method, earlier: list[Method], overrides: bool) -> list[str | list[Node]]:
        scope = self._inside(block, earlier)
        for name, kind in method.parameters:
            scope.declare(name, kind, lasting=False)
        own = [("v0", self.any_kind(2))]
        scope.declare("v0", own[0][1], lasting=False)
        scope.declare(method.name, method.result, lasting=False)
        lines: list[str | list[Node]] = [f"METHOD PUBLIC {method.name} : {method.result.name}", *_inputs(method)]
        kept = [("k0", self.scalar())] if self.dice.random() < 0.3 and "inst" not in self.without else []
        if kept:
            scope.declare(*kept[0])
            lines += ["VAR_INST", *(f"    {self.declaration(*one)}" for one in kept), "END_VAR"]
        lines += ["VAR", *(f"    {self.declaration(*one)}" for one in own), *COUNTERS, "END_VAR"]
        body = Author(scope, max_level=1).body(self.dice.randint(1, 3), 1)
        value = scope.expression(method.result, 2)
        if overrides and self.dice.random() < 0.5 and "super" not in self.without:
            value = scope.call_method("SUPER^", method, 2)
        body.append(Node([f"{method.name} := {value};"], fixed=True))
        return [*lines, body, "END_METHOD"]


def _inputs(method: Method) -> list[str]:
    if not method.parameters:
        return []
    return ["VAR_INPUT", *(f"    {name} : {kind.name};" for name, kind in method.parameters), "END_VAR"]


def make_library(dice: Random, tame: bool, without: frozenset[str]) -> Library:
    """Types, eight functions, an interface, three families of function blocks."""
    library = Library(dice, tame, without)
    # Few types to an application, so that its variables have to do with each other.
    library.palette = ("BOOL", "INT", "DINT", *dice.sample(SCALARS, 6))
    library.add_types()
    for number in range(8):
        library.add_function(number)
    if "open" not in without:
        library.add_open_array()
    if "blocks" not in without:
        library.add_interface()
        for number in range(6):
            families = [block for block in library.blocks if dice.random() < 0.6]
            library.add_block(number, dice.choice(families) if families and number % 3 else None)
    return library
