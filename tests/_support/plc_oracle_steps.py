"""The step interpreter: calls and statements."""

from __future__ import annotations

from plc_oracle_faults import Faulted
from plc_oracle_numbers import Value, to_bytes
from plc_oracle_values import Values, type_of

from dinrail.plc.core.expression import Call, Expression, InterfaceCall, Location, VirtualCall
from dinrail.plc.core.program import Fault, Function
from dinrail.plc.core.statement import (
    Assign,
    Continue,
    Copy,
    CopyText,
    Evaluate,
    Exit,
    Fill,
    If,
    Jump,
    Label,
    Loop,
    Return,
    Statement,
    Switch,
    Try,
)
from dinrail.plc.types.model import (
    CLASS_NUMBER_BYTES,
    DINT,
    ULINT,
    FunctionBlockType,
    TextType,
    held_as,
    resolve,
)
from dinrail.plc.types.variable import Storage, Variable


class Left(Exception):
    """A loop's round, a loop, or a function is being left."""

    def __init__(self, by: Continue | Exit | Return) -> None:
        super().__init__(by)
        self.by = by


class Jumped(Exception):
    """On the way to a label."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Steps(Values):
    """Runs."""

    # ------------------------------------------------------------------------------------------------- calls

    def call_node(self, call: Call | VirtualCall | InterfaceCall) -> Value | None:
        """Receiver, arguments, then the function."""
        if isinstance(call, InterfaceCall):
            receiver = int(self.value(call.receiver))
            if not receiver:
                raise self.machine.fault(Fault.NULL, call.at)
        else:
            receiver = self.address(call.receiver) if call.receiver is not None else 0
        static = call.function if isinstance(call, Call) else call.method
        arguments = [self._argument(of, given) for of, given in zip(static.parameters, call.arguments, strict=True)]
        function = static if isinstance(call, Call) else self._dispatch(call, receiver)
        return Steps(self.machine).call(function, receiver, arguments)

    def _argument(self, parameter: Variable, given: Expression | Location) -> Value:
        if parameter.storage is Storage.POINTER:
            return self.address(given)  # type: ignore[arg-type]  # a Location, says Call
        assert parameter.storage is Storage.VALUE
        return self.value(given)  # type: ignore[arg-type]

    def _dispatch(self, call: VirtualCall | InterfaceCall, receiver: int) -> Function:
        kind = self.class_of(receiver)
        if isinstance(call, InterfaceCall):
            name = list(call.interface.methods)[call.slot]
        else:
            name = next(name for name, slot in kind.slots.items() if slot == call.slot)
        function = kind.methods[name] if name else kind.body
        assert function is not None
        return function

    def call(self, function: Function, receiver: int, arguments: list[Value]) -> Value | None:
        """Runs the function in this fresh activation."""
        assert not function.is_abstract
        assert not function.external
        self.self_address = receiver
        top = self.memory.stack_top
        try:
            for parameter, value in zip(function.parameters, arguments, strict=True):
                kind = ULINT if parameter.storage is Storage.POINTER else held_as(parameter.type)
                assert kind is not None
                self.slots[id(parameter)] = self.memory.push(kind.size_bytes)
                self._put(parameter, value)
            for local in function.locals:
                self.slots[id(local)] = self.memory.push(local.type.size_bytes)
            if (result := function.result) is not None:
                self.slots[id(result)] = self.memory.push(result.type.size_bytes)
                self.memory.write(self.slots[id(result)], result.initial or bytes(result.type.size_bytes))
            self._body(function)
            if result is None:
                return None
            kind = held_as(result.type)
            assert kind is not None
            return self.read(self.slots[id(result)], kind)
        finally:
            self.memory.stack_top = top

    def _put(self, parameter: Variable, value: Value) -> None:
        kind = ULINT if parameter.storage is Storage.POINTER else held_as(parameter.type)
        assert kind is not None
        self.memory.write(self.slots[id(parameter)], to_bytes(value, kind))

    def _body(self, function: Function) -> None:
        try:
            self.run(function.body)
        except Left as left:
            if not isinstance(left.by, Return):
                raise

    # -------------------------------------------------------------------------------------------- statements

    def run(self, statements: list[Statement]) -> None:
        """One after the other; a jump to a label in this very list goes on there."""
        at = 0
        while at < len(statements):
            self.machine.step()
            try:
                self._statement(statements[at])
                at += 1
            except Jumped as jump:
                labels = [
                    n for n, found in enumerate(statements) if isinstance(found, Label) and found.name == jump.name
                ]
                if not labels:
                    raise
                at = labels[0]

    def _statement(self, statement: Statement) -> None:
        match statement:
            case Assign():
                kind = type_of(statement.value)
                self.store(statement.target, self.value(statement.value), kind)
            case If():
                self.run(statement.then if self.value(statement.condition) else statement.otherwise)
            case Loop():
                self._loop(statement)
            case Evaluate():
                self._evaluate(statement.value)
            case Switch():
                self._switch(statement)
            case Copy() | CopyText() | Fill():
                self._copy(statement)
            case Exit() | Continue() | Return():
                raise Left(statement)
            case Jump():
                raise Jumped(statement.name)
            case Label():
                pass
            case Try():
                self._try(statement)

    def _evaluate(self, expression: Expression) -> None:
        if isinstance(expression, Call | VirtualCall | InterfaceCall):
            self.call_node(expression)
        else:
            self.value(expression)

    def _copy(self, statement: Copy | CopyText | Fill) -> None:
        size = statement.target.type.size_bytes
        kind = resolve(statement.target.type)
        match statement:
            case Fill():
                self.memory.write(self.address(statement.target), statement.data or bytes(size))
            case CopyText():
                assert isinstance(kind, TextType)
                source = self.address(statement.source)
                target = self.address(statement.target)
                self._put_text(target, kind, self.text_at(source, statement.source))
            case Copy():
                skip = CLASS_NUMBER_BYTES if isinstance(kind, FunctionBlockType) else 0
                source = self.address(statement.source)
                target = self.address(statement.target)
                self.memory.write(target + skip, self.memory.read(source + skip, size - skip))

    def _put_text(self, target: int, kind: TextType, units: bytes) -> None:
        width = 2 if kind.wide else 1
        kept = units[: kind.length * width]
        little = b"".join(kept[at : at + width][::-1] for at in range(0, len(kept), width))
        self.memory.write(target, little + bytes(width))

    def _switch(self, statement: Switch) -> None:
        selector = self.value(statement.selector)
        for ranges, body in statement.branches:
            if any(low <= selector <= high for low, high in ranges):
                return self.run(body)
        return self.run(statement.otherwise)

    def _loop(self, loop: Loop) -> None:
        while loop.condition is None or self.value(loop.condition):
            self.machine.step()
            try:
                self.run(loop.body)
            except Left as left:
                if isinstance(left.by, Exit):
                    return
                if isinstance(left.by, Return):
                    raise
            self.run(loop.step)
            if loop.until is not None and self.value(loop.until):
                return

    def _try(self, statement: Try) -> None:
        top = self.memory.stack_top
        try:
            try:
                self.run(statement.body)
            except Faulted as fault:
                self.memory.stack_top = top
                if statement.code is not None:
                    self.store(statement.code, fault.code, DINT)
                self.run(statement.catch)
        finally:
            self.run(statement.finally_)
