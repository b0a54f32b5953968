"""A thin way to write LLVM's language: functions from Python statements, values that know their type.

Arithmetic is unsigned. Variables live in memory here and in registers after LLVM's `mem2reg`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

ALIGN_BYTES = {"i8": 1, "i16": 2, "i32": 4, "i64": 8, "ptr": 8}


@dataclass(frozen=True, slots=True)
class Value:
    """One value in a register, or a constant."""

    code: Code
    name: str
    type: str

    def _with(self, operation: str, other: Value | int) -> Value:
        return self.code.put(f"{operation} {self.type} {self.name}, {_operand(other)}", self.type)

    def _compare(self, predicate: str, other: Value | int) -> Value:
        return self.code.put(f"icmp {predicate} {self.type} {self.name}, {_operand(other)}", "i1")

    def __add__(self, other: Value | int) -> Value:
        if self.type == "ptr":
            kind = other.type if isinstance(other, Value) else "i64"
            return self.code.put(f"getelementptr i8, ptr {self.name}, {kind} {_operand(other)}", "ptr")
        return self._with("add", other)

    def __sub__(self, other: Value | int) -> Value:
        return self._with("sub", other)

    def __mul__(self, other: Value | int) -> Value:
        return self._with("mul", other)

    def __floordiv__(self, other: Value | int) -> Value:
        return self._with("udiv", other)

    def __and__(self, other: Value | int) -> Value:
        return self._with("and", other)

    def __or__(self, other: Value | int) -> Value:
        return self._with("or", other)

    def __xor__(self, other: Value | int) -> Value:
        return self._with("xor", other)

    def __lshift__(self, other: Value | int) -> Value:
        return self._with("shl", other)

    def __rshift__(self, other: Value | int) -> Value:
        return self._with("lshr", other)

    def equals(self, other: Value | int) -> Value:
        return self._compare("eq", other)

    def differs(self, other: Value | int) -> Value:
        return self._compare("ne", other)

    def equals_null(self) -> Value:
        return self.code.put(f"icmp eq ptr {self.name}, null", "i1")

    def below(self, other: Value | int) -> Value:
        return self._compare("ult", other)

    def above(self, other: Value | int) -> Value:
        return self._compare("ugt", other)

    def to(self, kind: str) -> Value:
        """As another type: wider by zeros, narrower by cutting, between address and number."""
        if kind == self.type:
            return self
        if "ptr" in (kind, self.type):
            word = "inttoptr" if kind == "ptr" else "ptrtoint"
        else:
            word = "zext" if int(kind[1:]) > int(self.type[1:]) else "trunc"
        return self.code.put(f"{word} {self.type} {self.name} to {kind}", kind)

    def smaller(self, other: Value | int) -> Value:
        """The smaller of the two."""
        return self.code.choose(self.below(other), self, other)

    def larger(self, other: Value | int) -> Value:
        """The larger of the two."""
        return self.code.choose(self.above(other), self, other)


@dataclass(frozen=True, slots=True)
class Variable:
    """A local that can be set again."""

    code: Code
    address: str
    type: str

    def get(self) -> Value:
        return self.code.put(f"load {self.type}, ptr {self.address}", self.type)

    def set(self, value: Value | int) -> None:
        self.code.line(f"store {self.type} {_operand(value)}, ptr {self.address}")


@dataclass(slots=True)
class Loop:
    """What repeats until it is left."""

    code: Code
    end: str

    def leave_if(self, condition: Value) -> None:
        on = self.code.label()
        self.code.line(f"br i1 {condition.name}, label %{self.end}, label %{on}")
        self.code.begin(on)


class Code:
    """One function being written. parameters: (name, type). returns: `void` for none."""

    def __init__(self, name: str, returns: str, *parameters: tuple[str, str], exported: bool = False) -> None:
        arguments = ", ".join(f"{kind} %{parameter}" for parameter, kind in parameters)
        self._head = f"define {'' if exported else 'internal '}{returns} @{name}({arguments}) #0 {{"
        self.returns = returns
        self.arguments = tuple(Value(self, f"%{parameter}", kind) for parameter, kind in parameters)
        self._locals: list[str] = []
        self._lines: list[str] = []
        self._count = 0
        self._ended = False

    def text(self) -> str:
        """The function."""
        if self.returns == "void" and not self._ended:
            self.line("ret void")
        return "\n".join((self._head, "entry:", *self._locals, *self._lines, "}"))

    def line(self, text: str) -> None:
        if not self._ended:
            self._lines.append("  " + text)

    def put(self, text: str, kind: str) -> Value:
        """One instruction with a result."""
        self._count += 1
        name = f"%v{self._count}"
        self.line(f"{name} = {text}")
        return Value(self, name, kind)

    def constant(self, value: int, kind: str = "i64") -> Value:
        return Value(self, str(value), kind)

    def null(self) -> Value:
        return Value(self, "null", "ptr")

    def label(self) -> str:
        self._count += 1
        return f"b{self._count}"

    def begin(self, label: str) -> None:
        self._ended = False
        self._lines.append(f"{label}:")

    def variable(self, initial: Value | int, kind: str = "i64") -> Variable:
        address = self.room(kind)
        made = Variable(self, address, initial.type if isinstance(initial, Value) else kind)
        made.set(initial)
        return made

    def room(self, kind: str) -> str:
        """Memory in this call's frame: its address."""
        self._count += 1
        address = f"%m{self._count}"
        self._locals.append(f"  {address} = alloca {kind}, align 16")
        return address

    def buffer(self, size_bytes: int) -> Value:
        return Value(self, self.room(f"[{size_bytes} x i8]"), "ptr")

    def load(self, pointer: Value, offset: int = 0, kind: str = "i64", order: str = "") -> Value:
        at = pointer + offset if offset else pointer
        word = f"load atomic {kind}" if order else f"load {kind}"
        return self.put(f"{word}, ptr {at.name}{_order(order)}, align {ALIGN_BYTES[kind]}", kind)

    def store(self, value: Value | int, pointer: Value, offset: int = 0, kind: str = "i64", order: str = "") -> None:
        at = pointer + offset if offset else pointer
        kind = value.type if isinstance(value, Value) else kind
        word = f"store atomic {kind}" if order else f"store {kind}"
        self.line(f"{word} {_operand(value)}, ptr {at.name}{_order(order)}, align {ALIGN_BYTES[kind]}")

    def fence(self, order: str) -> None:
        self.line(f"fence {order}")

    def copy(self, target: Value, source: Value, size_bytes: Value | int) -> None:
        self.line(
            f"call void @llvm.memcpy.p0.p0.i64(ptr {target.name}, ptr {source.name}, "
            f"i64 {_operand(size_bytes)}, i1 false)"
        )

    def clear(self, target: Value, size_bytes: Value | int) -> None:
        self.line(f"call void @llvm.memset.p0.i64(ptr {target.name}, i8 0, i64 {_operand(size_bytes)}, i1 false)")

    def call(self, callee: str | Value, returns: str, *arguments: Value) -> Value:
        name = callee.name if isinstance(callee, Value) else f"@{callee}"
        text = f"call {returns} {name}({', '.join(f'{value.type} {value.name}' for value in arguments)})"
        if returns == "void":
            self.line(text)
            return self.constant(0)
        return self.put(text, returns)

    def choose(self, condition: Value, yes: Value | int, no: Value | int) -> Value:
        kind = next(value.type for value in (yes, no) if isinstance(value, Value))
        text = f"select i1 {condition.name}, {kind} {_operand(yes)}, {kind} {_operand(no)}"
        return self.put(text, kind)

    @contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        """What follows only if."""
        inside, after = self.label(), self.label()
        self.line(f"br i1 {condition.name}, label %{inside}, label %{after}")
        self.begin(inside)
        yield
        self.line(f"br label %{after}")
        self.begin(after)

    @contextmanager
    def repeat(self) -> Iterator[Loop]:
        """What follows again and again, until the loop is left."""
        head, end = self.label(), self.label()
        self.line(f"br label %{head}")
        self.begin(head)
        yield Loop(self, end)
        self.line(f"br label %{head}")
        self.begin(end)

    @contextmanager
    def count(self, number: Value) -> Iterator[Value]:
        """What follows for 0, 1, ... number - 1."""
        index = self.variable(0, number.type)
        with self.repeat() as loop:
            now = index.get()
            loop.leave_if(now.equals(number))
            index.set(now + 1)
            yield now

    def give(self, value: Value | int | None = None) -> None:
        """Return."""
        self.line("ret void" if value is None else f"ret {self.returns} {_operand(value)}")
        self._ended = True


def _operand(value: Value | int) -> str:
    return value.name if isinstance(value, Value) else str(value)


def _order(order: str) -> str:
    return f" {order}" if order else ""
