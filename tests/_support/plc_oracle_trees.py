"""Random checked trees, made without parser and checker: every scalar type, every operator, faults and control flow.

What the language cannot say in one line stands here too (a shift of a BOOL-like byte, a Sequence inside an index), so
both oracles and the machine code see nodes in every combination.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from random import Random

from plc_oracle_numbers import Value, single, to_bytes, wrap

from dinrail.plc.core import expression as core
from dinrail.plc.core import statement as steps
from dinrail.plc.core.program import Function, FunctionKind, Program
from dinrail.plc.source import Place, place
from dinrail.plc.types.model import (
    BOOL,
    DINT,
    LINT,
    SCALARS,
    UINT,
    ArrayType,
    Family,
    ScalarType,
    TextType,
    Type,
)
from dinrail.plc.types.variable import Role, Storage, Variable

KINDS = [kind for name, kind in SCALARS.items() if name != "BIT"]
FLOATS = (
    0.0,
    -0.0,
    0.5,
    1.5,
    2.5,
    -0.5,
    1e9,
    -3.25,
    2147483648.5,
    9.3e18,
    1e30,
    -1e30,
    16777217.0,
    math.inf,
    -math.inf,
)
_INTEGER_OPERATORS = list(core.BinaryOperator)
_BOOL_OPERATORS = [core.BinaryOperator.AND, core.BinaryOperator.OR, core.BinaryOperator.XOR]
_FLOAT_OPERATORS = _INTEGER_OPERATORS[:4]
_FLOAT_INTRINSICS = ("ABSOLUTE", "FLOOR", "CEILING", "TRUNCATE", "ROUND", "SQRT", "FMOD")


def edge_value(dice: Random, kind: ScalarType) -> Value:
    """A value of the type, where it often goes wrong."""
    if kind.family is Family.BOOL:
        return dice.random() < 0.5
    if kind.is_float:
        value = dice.choice(FLOATS) if dice.random() < 0.7 else dice.uniform(-1000, 1000)
        return single(value) if kind.size_bytes == 4 else value
    near = dice.choice((0, 1, -1, 2, 3, 7, 8, 31, 63, 64, 100, 1 << (kind.bits - 1), (1 << (kind.bits - 1)) - 1))
    return wrap(near if dice.random() < 0.8 else dice.getrandbits(kind.bits), kind)


@dataclass(slots=True)
class Trees:
    """Grows one program."""

    dice: Random
    all_statics: list[Variable]
    statics: list[Variable] = field(default_factory=list)  # of the program that is being grown
    prefix: str = ""
    offset: int = 0
    places: int = 0
    loops: int = 0
    guards: int = 0
    counters: int = 0

    def at(self) -> Place:
        """A place that no other node has."""
        self.places += 1
        return place(0, 1 + self.places, 1)

    def static(self, name: str, kind: Type, initial: bytes) -> Variable:
        self.offset = (self.offset + 15) // 16 * 16
        variable = Variable(
            f"{self.prefix}.{name}", kind, Storage.STATIC, Role.GLOBAL, offset_bytes=self.offset, initial=initial
        )
        self.offset += kind.size_bytes
        self.statics.append(variable)
        self.all_statics.append(variable)
        return variable

    def begin(self, prefix: str) -> None:
        """A program's own variables: two of each scalar type, an array of each, some texts."""
        self.prefix, self.statics = prefix, []
        for kind in KINDS:
            for number in range(2):
                self.static(f"{kind.name}{number}", kind, to_bytes(edge_value(self.dice, kind), kind))
            if kind.family is not Family.BOOL:
                elements = b"".join(to_bytes(edge_value(self.dice, kind), kind) for _ in range(4))
                self.static(f"a{kind.name}", ArrayType(kind, ((1, 4),)), elements)
        for number, length in enumerate((3, 5, 9)):
            self.static(f"s{number}", TextType(length), b"abc\xfe\x01zzzz"[:length] + b"\0")

    # --------------------------------------------------------------------------------------------- places

    def scalar_place(self, kind: ScalarType) -> core.Location:
        """A variable of the type, or an element of an array of it (sometimes outside of its bounds)."""
        roll = self.dice.random()
        found = [v for v in self.statics if v.type is kind]
        if roll < 0.75 or kind.family is Family.BOOL:
            variable = self.dice.choice(found)
            return core.VariableAt(self.at(), variable, kind)
        array = next(v for v in self.statics if isinstance(v.type, ArrayType) and v.type.element is kind)
        base = core.VariableAt(self.at(), array, array.type)
        written = self.index()
        low, high = (core.Constant(self.at(), LINT, n) for n in (1, 4))
        one = core.Constant(self.at(), LINT, 1)
        index = core.Binary(self.at(), core.BinaryOperator.SUBTRACT, written, one, LINT)
        return core.IndexAt(self.at(), base, index, kind, ((written, low, high),))

    def index(self) -> core.Expression:
        if self.dice.random() < 0.95:
            return core.Constant(self.at(), LINT, self.dice.randint(1, 4))
        source = self.value(DINT, 1)
        return core.Convert(self.at(), source, LINT)

    # ------------------------------------------------------------------------------------------ expressions

    def value(self, kind: ScalarType, depth: int) -> core.Expression:
        """Any expression of the type."""
        if depth <= 0 or self.dice.random() < 0.15:
            return self.leaf(kind)
        if kind.family is Family.BOOL:
            return self.truth(depth)
        roll = self.dice.random()
        if roll < 0.5:
            operator = self.dice.choice(_FLOAT_OPERATORS if kind.is_float else _INTEGER_OPERATORS)
            left, right = self.value(kind, depth - 1), self.value(kind, depth - 1)
            return core.Binary(self.at(), operator, left, right, kind)
        if roll < 0.65:
            source = self.dice.choice(KINDS)
            return core.Convert(self.at(), self.value(source, depth - 1), kind)
        if roll < 0.75:
            only = core.UnaryOperator.NEGATE
            operator = only if kind.is_float else self.dice.choice(list(core.UnaryOperator))
            return core.Unary(self.at(), operator, self.value(kind, depth - 1), kind)
        if roll < 0.85:
            parts = (self.value(BOOL, depth - 1), self.value(kind, depth - 1), self.value(kind, depth - 1))
            return core.Choose(self.at(), *parts, kind)
        if roll < 0.92 and kind.is_float:
            intrinsic = core.Intrinsic[self.dice.choice(_FLOAT_INTRINSICS)]
            count = 2 if intrinsic is core.Intrinsic.FMOD else 1
            arguments = [self.value(kind, depth - 1) for _ in range(count)]
            return core.IntrinsicCall(self.at(), intrinsic, arguments, kind)
        if roll < 0.95:
            return self.other_bits(kind, depth)
        return core.Sequence(self.at(), [self.assign(depth - 1)], self.value(kind, depth - 1), kind)

    def other_bits(self, kind: ScalarType, depth: int) -> core.Expression:
        """The bits of an integer of the same size. (Those of a NaN are promised by nobody, so never a float's.)"""
        sources = [each for each in KINDS if each.is_integer and each.size_bytes == kind.size_bytes]
        return core.Reinterpret(self.at(), self.value(self.dice.choice(sources), depth - 1), kind)

    def truth(self, depth: int) -> core.Expression:
        roll = self.dice.random()
        if roll < 0.45:
            kind = self.dice.choice(KINDS)
            operator = self.dice.choice(list(core.Comparison))
            return core.Compare(self.at(), operator, self.value(kind, depth - 1), self.value(kind, depth - 1), BOOL)
        if roll < 0.6:
            left, right = self.value(BOOL, depth - 1), self.value(BOOL, depth - 1)
            return core.ShortCircuit(self.at(), self.dice.random() < 0.5, left, right, BOOL)
        if roll < 0.75:
            left, right = self.value(BOOL, depth - 1), self.value(BOOL, depth - 1)
            return core.Binary(self.at(), self.dice.choice(_BOOL_OPERATORS), left, right, BOOL)
        if roll < 0.85:
            return core.Unary(self.at(), core.UnaryOperator.NOT, self.value(BOOL, depth - 1), BOOL)
        if roll < 0.9:
            left, right = (self.text() for _ in range(2))
            return core.CompareText(self.at(), self.dice.choice(list(core.Comparison)), left, right, BOOL)
        source = self.dice.choice(KINDS)
        return core.Convert(self.at(), self.value(source, depth - 1), BOOL)

    def leaf(self, kind: ScalarType) -> core.Expression:
        if self.dice.random() < 0.4:
            return core.Constant(self.at(), kind, edge_value(self.dice, kind))
        if kind.family is Family.BOOL and self.dice.random() < 0.5:
            return core.Load(self.at(), self.bit(), BOOL)
        return core.Load(self.at(), self.scalar_place(kind), kind)

    def bit(self) -> core.Location:
        kind = self.dice.choice([kind for kind in KINDS if kind.is_integer])
        return core.BitAt(self.at(), self.scalar_place(kind), self.dice.randrange(kind.bits), BOOL)

    def text(self) -> core.Location:
        variable = self.dice.choice([v for v in self.statics if isinstance(v.type, TextType) and not v.type.wide])
        if self.dice.random() < 0.3:
            return core.ConstantAt(self.at(), *self.dice.choice(((b"ab\0", TextType(2)), (b"\xfe\0", TextType(1)))))
        return core.VariableAt(self.at(), variable, variable.type)

    # ------------------------------------------------------------------------------------------- statements

    def assign(self, depth: int) -> steps.Statement:
        if self.dice.random() < 0.1:
            return steps.Assign(self.at(), self.bit(), self.value(BOOL, depth))
        if self.dice.random() < 0.1:
            target = self.text()
            while isinstance(target, core.ConstantAt):
                target = self.text()
            return steps.CopyText(self.at(), target, self.text())
        kind = self.dice.choice(KINDS)
        return steps.Assign(self.at(), self.scalar_place(kind), self.value(kind, depth))

    def block(self, depth: int, count: int = 3) -> list[steps.Statement]:
        return [self.statement(depth) for _ in range(self.dice.randint(1, count))]

    def statement(self, depth: int) -> steps.Statement:
        roll = self.dice.random()
        if depth <= 0 or roll < 0.5:
            return self.assign(3)
        if roll < 0.65:
            return steps.If(self.at(), self.value(BOOL, 2), self.block(depth - 1), self.block(depth - 1))
        if roll < 0.75:
            return self.switch(depth)
        if roll < 0.85:
            return self.loop(depth)
        if roll < 0.95:
            return self.guarded(depth)
        leave = self.dice.choice((steps.Exit, steps.Continue)) if self.loops else steps.Return
        if self.guards and not self.loops:
            return self.assign(2)
        return steps.If(self.at(), self.value(BOOL, 2), [leave(self.at())], [])

    def guarded(self, depth: int) -> steps.Statement:
        """TRY: nothing leaves its body, CATCH may be left."""
        outer = self.loops
        self.guards, self.loops = self.guards + 1, 0
        body = self.block(depth - 1)
        self.guards, self.loops = self.guards - 1, outer
        catch = self.block(depth - 1)
        return steps.Try(self.at(), body, self.code_place(), catch, [self.assign(1)])

    def code_place(self) -> core.Location | None:
        found = [v for v in self.statics if v.type is DINT]
        return core.VariableAt(self.at(), self.dice.choice(found), DINT) if self.dice.random() < 0.8 else None

    def switch(self, depth: int) -> steps.Statement:
        kind = self.dice.choice([kind for kind in KINDS if kind.is_integer])
        branches = []
        for _ in range(self.dice.randint(1, 4)):
            low, high = sorted(int(edge_value(self.dice, kind)) for _ in range(2))
            only = int(edge_value(self.dice, kind))
            branches.append((((low, high), (only, only)), self.block(depth - 1)))
        return steps.Switch(self.at(), self.value(kind, 2), branches, self.block(depth - 1))

    def loop(self, depth: int) -> steps.Statement:
        """At most three rounds, whatever its condition says."""
        self.counters += 1
        counter = self.static(f"n{self.counters}", UINT, bytes(2))
        self.statics.remove(counter)

        def place_of() -> core.Location:
            return core.VariableAt(self.at(), counter, UINT)

        one, three = (core.Constant(self.at(), UINT, n) for n in (1, 3))
        now = core.Load(self.at(), place_of(), UINT)
        more = core.Binary(self.at(), core.BinaryOperator.ADD, now, one, UINT)
        step: steps.Statement = steps.Assign(self.at(), place_of(), more)
        again = core.Compare(self.at(), core.Comparison.LESS, core.Load(self.at(), place_of(), UINT), three, BOOL)
        self.loops, outer = self.loops + 1, self.loops
        guard = core.ShortCircuit(self.at(), True, again, self.value(BOOL, 1), BOOL)
        body = self.block(depth - 1)
        until = self.value(BOOL, 1) if self.dice.random() < 0.3 else None
        self.loops = outer
        loop = steps.Loop(self.at(), guard, body, [step], until)
        reset = steps.Assign(self.at(), place_of(), core.Constant(self.at(), UINT, 0))
        return steps.If(self.at(), core.Constant(self.at(), BOOL, True), [reset, loop], [])


class Dice(Random):
    """Equal seeds, equal programs."""


def random_program(seed: int, count: int = 1, size: int = 10) -> Program:
    """`count` programs P0, P1... of about `size` statements, each on statics of its own."""
    program = Program()
    trees = Trees(Dice(seed), program.statics)
    for number in range(count):
        trees.begin(f"P{number}")
        main = Function(f"P{number}", FunctionKind.PROGRAM, body=[trees.statement(3) for _ in range(size)])
        program.functions.append(main)
        program.entry[main.name] = main
    program.data_bytes = trees.offset
    return program
