"""The second oracle, C: calls, intrinsics and statements."""

from __future__ import annotations

from plc_oracle_c_names import FRAME_BYTE, c_type, literal, scalar_of, signature
from plc_oracle_c_values import ValueWriter, room, text_type
from plc_oracle_numbers import FLOAT_INTRINSICS

from dinrail.plc.core.expression import Call, InterfaceCall, Intrinsic, IntrinsicCall, QueryInterface, VirtualCall
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
from dinrail.plc.types.model import DINT, FunctionBlockType, InterfaceType, resolve
from dinrail.plc.types.variable import Storage

_CLOCK = {
    Intrinsic.CYCLE_TIME: ("u64", "cycle_ns"),
    Intrinsic.TASK_TIME: ("u64", "task_time_ns"),
    Intrinsic.PRECISE_TIME: ("u64", "task_time_ns"),
    Intrinsic.WALL_TIME: ("u64", "wall_time_ns"),
    Intrinsic.CYCLE_COUNT: ("u64", "cycle_count"),
    Intrinsic.TASK_INDEX: ("i32", "task_index"),
    Intrinsic.FIRST_CYCLE: ("u8", "first_cycle"),
}
_MEMORY = {
    Intrinsic.COPY_MEMORY: ("A", "(A)memmove((void *)%s, (void *)%s, %s)"),
    Intrinsic.FILL_MEMORY: ("A", "(A)memset((void *)%s, %s, %s)"),
    Intrinsic.COMPARE_MEMORY: ("i32", "compare_memory(%s, %s, %s)"),
    Intrinsic.ALLOCATE: ("A", "allocate(%s)"),
    Intrinsic.RELEASE: ("u8", "release(%s)"),
}


class Writer(ValueWriter):
    """Writes one function, whole."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.loops: list[int] = []
        self.guards: list[tuple[int, int]] = []  # (number of a TRY whose CATCH is being written, loops around it)

    def whole(self) -> list[str]:
        """The function's definition, as lines."""
        function = self.function
        self.add(signature(function, self.names.function(function)) + " {")
        self.add(f"u8 frame[{self.frame_bytes}] __attribute__((aligned(16)));")
        self.add(f'memset(frame, {FRAME_BYTE}, sizeof frame); __asm__ volatile("" : : "r"(frame) : "memory");')
        for number, parameter in enumerate(function.parameters):
            kind = "u64" if parameter.storage is Storage.POINTER else c_type(scalar_of(parameter.type))
            self.add(f"st_{kind}((A)frame + {self.offsets[id(parameter)]}, p{number});")
        if (result := function.result) is not None:
            data = self.names.constant(result.initial or bytes(result.type.size_bytes))
            self.add(f"memcpy(frame + {self.offsets[id(result)]}, (void *){data}, {result.type.size_bytes});")
        self.statements(function.body)
        self.add("leave:;")
        if result is not None:
            kind = c_type(scalar_of(result.type))
            self.add(f"return ld_{kind}((A)frame + {self.offsets[id(result)]});")
        self.add("}")
        return self.lines

    # -------------------------------------------------------------------------------------------------- calls

    def call(self, call: Call | VirtualCall | InterfaceCall) -> str:
        receiver = "0"
        if isinstance(call, InterfaceCall):
            receiver = self.temporary("A", self.value(call.receiver))
            self.add(f"if (!{receiver}) fault({int(Fault.NULL)}, {call.at}ULL, 0, 0, 0);")
        elif call.receiver is not None:
            receiver = self.temporary("A", self.address(call.receiver))
        static = call.function if isinstance(call, Call) else call.method
        values = [receiver]
        for parameter, given in zip(static.parameters, call.arguments, strict=True):
            if parameter.storage is Storage.POINTER:
                values.append(self.temporary("A", self.address(given)))  # type: ignore[arg-type]
            else:
                values.append(self.value(given))  # type: ignore[arg-type]
        result, put = "", ""
        if static.result is not None:
            result = f"t{self.number()}"
            self.add(f"{c_type(scalar_of(static.result.type))} {result};")
            put = f"{result} = "
        if isinstance(call, Call):
            self.add(f"{put}{self.names.function(static)}({', '.join(values)});")
        else:
            self._dispatch(call, put, values)
        return result

    def _dispatch(self, call: VirtualCall | InterfaceCall, put: str, values: list[str]) -> None:
        with self.block(f"switch (ld_u64({values[0]}))"):
            for kind in self.names.program.classes:
                function = target_of(call, kind)
                if function is not None and not kind.abstract:
                    name = self.names.function(function)
                    self.add(f"case {kind.number}: {put}{name}({', '.join(values)}); break;")
            self.add("default: wild();")

    def query(self, node: QueryInterface) -> str:
        receiver = self.value(node.receiver)
        result = self.temporary("A", "0")
        with self.block(f"if ({receiver}) switch (ld_u64({receiver}))"):
            for kind in self.names.program.classes:
                if has(kind, node.target):
                    self.add(f"case {kind.number}: {result} = {receiver}; break;")
        return result

    def intrinsic(self, node: IntrinsicCall) -> str:
        values = [self.value(argument) for argument in node.arguments]
        if node.intrinsic in FLOAT_INTRINSICS:
            suffix = "f" if node.type.size_bytes == 4 else ""
            return self.temporary(c_type(node.type), f"{node.intrinsic.value}{suffix}({', '.join(values)})")
        if node.intrinsic in _CLOCK:
            kind, name = _CLOCK[node.intrinsic]
            return self.temporary(kind, f"oracle_clock.{name}")
        if node.intrinsic is Intrinsic.CHANGE:
            return "0"
        if node.intrinsic in _MEMORY:
            kind, call = _MEMORY[node.intrinsic]
            return self.temporary(kind, call % tuple(values))
        if node.intrinsic is Intrinsic.FAULT:
            self.add(f"fault({int(Fault.USER)}, {node.at}ULL, {values[0]}, 0, 0);")
        return "1"

    # --------------------------------------------------------------------------------------------- statements

    def statements(self, statements: list[Statement]) -> None:
        for statement in statements:
            self._statement(statement)

    def _statement(self, statement: Statement) -> None:
        match statement:
            case Assign():
                kind = scalar_of(statement.value.type)  # type: ignore[arg-type]
                self.store(statement.target, self.value(statement.value), kind)
            case Evaluate():
                self.value(statement.value)
            case If():
                self._if(statement)
            case Switch():
                self._switch(statement)
            case Loop():
                self._loop(statement)
            case Label():
                self.add(f"user_{statement.name.lower()}:;")
            case Try():
                self._try(statement)
            case Exit() | Continue() | Return() | Jump():
                self._leave(statement)
            case _:
                self._copy(statement)

    def _copy(self, statement: Copy | CopyText | Fill) -> None:
        size = statement.target.type.size_bytes
        source = "" if isinstance(statement, Fill) else self.temporary("A", self.address(statement.source))
        target = self.temporary("A", self.address(statement.target))
        match statement:
            case Fill(data=b""):
                self.add(f"memset((void *){target}, 0, {size});")
            case Fill():
                self.add(f"memcpy((void *){target}, (void *){self.names.constant(statement.data)}, {size});")
            case CopyText():
                wide = text_type(statement.target).wide
                rooms = f"{room(statement.target)}, {source}, {room(statement.source)}"
                self.add(f"copy_text({target}, {rooms}, {int(wide)});")
            case Copy():
                skip = 8 if isinstance(resolve(statement.target.type), FunctionBlockType) else 0
                self.add(f"memmove((void *)({target} + {skip}), (void *)({source} + {skip}), {size - skip});")

    def _if(self, statement: If) -> None:
        with self.block(f"if ({self.value(statement.condition)})"):
            self.statements(statement.then)
        if statement.otherwise:
            with self.block("else"):
                self.statements(statement.otherwise)

    def _switch(self, statement: Switch) -> None:
        kind = statement.selector.type
        assert kind is not None
        selector = self.value(statement.selector)
        end = f"end{self.number()}"
        for ranges, body in statement.branches:
            tests = [
                f"({selector} >= {literal(low, scalar_of(kind))} && {selector} <= {literal(high, scalar_of(kind))})"
                for low, high in ranges
            ]
            with self.block(f"if ({' || '.join(tests) or 0})"):
                self.statements(body)
                self.add(f"goto {end};")
        with self.block():
            self.statements(statement.otherwise)
        self.add(f"{end}:;")

    def _loop(self, loop: Loop) -> None:
        number = self.number()
        with self.block("for (;;)"):
            if loop.condition is not None:
                self.add(f"if (!{self.value(loop.condition)}) break;")
            self.loops.append(number)
            with self.block():
                self.statements(loop.body)
            self.loops.pop()
            self.add(f"next{number}:;")
            self.statements(loop.step)
            if loop.until is not None:
                self.add(f"if ({self.value(loop.until)}) break;")
        self.add(f"out{number}:;")

    def _leave(self, statement: Exit | Continue | Return | Jump) -> None:
        match statement:
            case Exit():
                target = f"out{self.loops[-1]}"
            case Continue():
                target = f"next{self.loops[-1]}"
            case Return():
                target = "leave"
            case Jump():
                target = f"user_{statement.name.lower()}"
        local = isinstance(statement, Exit | Continue)
        if self.guards and not (local and len(self.loops) > self.guards[-1][1]):
            guard = self.guards[-1][0]
            self.add(f"then{guard} = &&{target}; goto finally{guard};")
        else:
            self.add(f"goto {target};")

    def _try(self, statement: Try) -> None:
        """CATCH has a guard of its own, so that FINALLY runs after a fault in it, which then goes on."""
        n = self.number()
        self.add(f"jmp_buf buffer{n}; jmp_buf *volatile outer{n} = handler; volatile int code{n}, again{n} = 0;")
        self.add(f"void *volatile then{n} = 0; volatile u64 at{n} = 0; volatile i64 v{n}[3];")
        self.add(f"handler = &buffer{n}; code{n} = setjmp(buffer{n});")
        with self.block(f"if (!code{n})"):
            self.statements(statement.body)
        with self.block("else"):
            self.add(f"jmp_buf second{n}; handler = &second{n}; again{n} = setjmp(second{n});")
            with self.block(f"if (!again{n})"):
                if statement.code is not None:
                    self.store(statement.code, f"code{n}", DINT)
                self.guards.append((n, len(self.loops)))
                self.statements(statement.catch)
                self.guards.pop()
        self.add(f"finally{n}: handler = outer{n}; at{n} = fault_at;")
        self.add(f"for (int i = 0; i < 3; i++) v{n}[i] = fault_values[i];")
        with self.block():
            self.statements(statement.finally_)
        self.add(f"if (again{n}) fault(again{n}, at{n}, v{n}[0], v{n}[1], v{n}[2]);")
        self.add(f"if (then{n}) goto *then{n};")


def target_of(call: VirtualCall | InterfaceCall, kind: FunctionBlockType) -> Function | None:
    """What the call runs for an instance of that class; None when it cannot be one."""
    if isinstance(call, InterfaceCall):
        name = list(call.interface.methods)[call.slot]
        return kind.methods.get(name) if has(kind, call.interface) else None
    owner = call.method.owner
    assert owner is not None
    if not has(kind, owner):
        return None
    name = next(name for name, slot in owner.slots.items() if slot == call.slot)
    return kind.methods[name] if name else kind.body


def has(kind: FunctionBlockType | None, target: FunctionBlockType | InterfaceType) -> bool:
    """Whether an instance of the class can stand where the target is wanted."""
    if kind is None:
        return False
    if kind is target or any(below(interface, target) for interface in kind.interfaces):
        return True
    return has(kind.base, target)


def below(interface: InterfaceType, target: FunctionBlockType | InterfaceType) -> bool:
    """Whether the interface is the target, or extends it."""
    return interface is target or any(below(base, target) for base in interface.bases)
