"""Who calls whom, and who touches which static variable.

A call through a class's table or an interface counts as one of everything that it could reach: the methods of all
classes of the application that are the class seen, or below it, or have the interface.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from dinrail.plc.core import expression as e
from dinrail.plc.core import statement as s
from dinrail.plc.core.program import Function, Program
from dinrail.plc.core.walk import PARTS, Node, parts
from dinrail.plc.source import Place
from dinrail.plc.types.model import FunctionBlockType, InterfaceType, resolve
from dinrail.plc.types.variable import Role, Storage, Variable


@dataclass(slots=True, eq=False)
class CallEdge:
    """One call. certain: this very function runs, not one of several."""

    callee: Function
    at: Place
    certain: bool


@dataclass(slots=True, eq=False)
class Access:
    """One use of a static or area variable. path: the fields towards the part, as far as they are known.

    taken:   its address may be kept beyond the statement.
    through: it is passed by address, as this parameter.
    """

    variable: Variable
    path: tuple[str, ...]
    writes: bool
    at: Place
    reads: bool = True
    taken: bool = False
    through: Variable | None = None


@dataclass(slots=True)
class Uses:
    """What one function does.

    kept:   its own parameters whose address it may keep: what is passed as one of them is taken.
    passed: (its own parameter, the callee's): one address goes on.
    """

    calls: list[CallEdge] = field(default_factory=list)
    accesses: list[Access] = field(default_factory=list)
    kept: list[Variable] = field(default_factory=list)
    passed: list[tuple[Variable, Variable]] = field(default_factory=list)


@dataclass(slots=True)
class CallGraph:
    """uses: by id(function), of all functions of the program and its initialiser."""

    program: Program
    uses: dict[int, Uses] = field(default_factory=dict)

    def reached(self, roots: Iterable[Function]) -> list[Function]:
        """Everything that can run when the roots do, themselves included; each once, in the order of discovery."""
        seen: dict[int, Function] = {}
        waiting = list(roots)
        while waiting:
            function = waiting.pop()
            if id(function) in seen:
                continue
            seen[id(function)] = function
            uses = self.uses.get(id(function))
            if uses is not None:
                waiting += [edge.callee for edge in uses.calls if id(edge.callee) not in seen]
        return list(seen.values())


def call_graph(program: Program) -> CallGraph:
    """The graph of a whole application."""
    graph = CallGraph(program)
    tables = _Tables(program)
    for function in (*program.functions, program.initialise, program.leave, program.reinitialise):
        collector = _Collector(tables)
        collector.statements(function.body)
        graph.uses[id(function)] = collector.uses
    return graph


class _Tables:
    """Which functions a dispatched call can reach, found once each."""

    def __init__(self, program: Program) -> None:
        self.classes = program.classes
        self.found: dict[tuple[int, str], list[Function]] = {}
        self.below: dict[int, list[FunctionBlockType]] = {}
        for each in program.classes:
            above: FunctionBlockType | None = each
            while above is not None:
                self.below.setdefault(id(above), []).append(each)
                above = above.base

    def virtual(self, kind: FunctionBlockType, slot: int) -> list[Function]:
        """All that slot `slot` of a class or one below it can hold."""
        name = next((each for each, index in kind.slots.items() if index == slot), "")
        key = (id(kind), name)
        if key not in self.found:
            self.found[key] = _distinct(_method(each, name) for each in self.below.get(id(kind), []))
        return self.found[key]

    def interface(self, kind: InterfaceType, slot: int) -> list[Function]:
        """All that implements a method of an interface."""
        name = list(kind.methods)[slot]
        key = (id(kind), name)
        if key not in self.found:
            self.found[key] = _distinct(_method(each, name) for each in self.classes if kind in each.interfaces)
        return self.found[key]


def _method(kind: FunctionBlockType, name: str) -> Function | None:
    return kind.methods.get(name) if name else kind.body


def _distinct(functions: Iterable[Function | None]) -> list[Function]:
    return list({id(each): each for each in functions if each is not None and not each.is_abstract}.values())


class _Collector:
    """Walks one function's body."""

    def __init__(self, tables: _Tables) -> None:
        self.tables = tables
        self.uses = Uses()

    def statements(self, body: Sequence[Node]) -> None:
        """All nodes below some, in order, with an explicit stack: bodies may be deep."""
        stack: list[Node] = list(reversed(body))
        pop, push = stack.pop, stack.append
        while stack:
            node = pop()
            kind = type(node)
            if kind in _LEAVES:
                continue
            get = _ONE.get(kind)
            if get is not None:
                push(get(node))
                continue
            get = _SEVERAL.get(kind)
            if get is not None:
                stack += get(node)
                continue
            special = _SPECIAL.get(kind)
            rest = list(parts(node)) if special is None else special(self, node)
            if rest:
                rest.reverse()
                stack += rest

    def place(
        self,
        location: e.Location,
        *,
        reads: bool,
        writes: bool,
        taken: bool = False,
        through: Variable | None = None,
    ) -> list[Node]:
        """Notes the use of a place (see Access). Returns what is evaluated on the way to it."""
        path: list[str] = []
        rest: list[Node] = []
        node: e.Location = location
        while True:
            kind = type(node)
            if kind in _ENDS:
                break
            if isinstance(node, e.FieldAt):
                if node.field.is_reference_field and not node.raw:
                    path.clear()  # the instance is read; what it refers to is not known
                    reads, writes, taken, through = True, False, False, None
                path.append(node.field.name)
                node = node.base
            elif isinstance(node, e.IndexAt):
                rest.append(node.index)
                path.clear()
                node = node.base
            elif isinstance(node, e.SequenceAt):
                rest += node.statements
                node = node.location
            elif isinstance(node, e.BitAt | e.ViewAt):
                node = node.base
        if isinstance(node, e.VariableAt):
            variable = node.variable
            if variable.storage in _PERMANENT:
                path.reverse()
                access = Access(variable, tuple(path), writes, location.at, reads, taken, through)
                self.uses.accesses.append(access)
            elif variable.storage is Storage.POINTER and taken:
                self.uses.kept.append(variable)
            elif variable.storage is Storage.POINTER and through is not None:
                self.uses.passed.append((variable, through))
        elif isinstance(node, e.DerefAt):
            rest.append(node.address)
        return rest

    def read(self, node: e.Location) -> list[Node]:
        return self.place(node, reads=True, writes=False)

    def load(self, node: e.Load) -> list[Node]:
        location = node.location
        if type(location) is e.VariableAt and location.variable.storage not in _PERMANENT:
            return []
        return self.place(location, reads=True, writes=False)

    def address_of(self, node: e.AddressOf) -> list[Node]:
        return self.place(node.location, reads=True, writes=False, taken=True)

    def assigned(self, node: s.Assign | s.Copy | s.CopyText | s.Fill) -> list[Node]:
        rest = self.place(node.target, reads=False, writes=True)
        if isinstance(node, s.Assign):
            rest.append(node.value)
        elif isinstance(node, s.Copy | s.CopyText):
            rest.append(node.source)
        return rest

    def arguments(
        self, function: Function, arguments: Sequence[e.Expression | e.Location], callees: Sequence[Function]
    ) -> list[Node]:
        """callees: what may run, whose parameters are as `function`'s."""
        rest: list[Node] = []
        for index, (parameter, argument) in enumerate(zip(function.parameters, arguments, strict=False)):
            if parameter.storage is Storage.POINTER and isinstance(argument, e.Location):
                role = parameter.role
                reads = role in (Role.IN_OUT, Role.INPUT)
                writes = role in (Role.OUTPUT, Role.RESULT) or (role is Role.IN_OUT and not parameter.constant)
                for callee in callees or (function,):
                    through = callee.parameters[index]
                    more = self.place(argument, reads=reads, writes=writes, through=through)
                rest += more
            else:
                rest.append(argument)
        return rest

    def intrinsic(self, node: e.IntrinsicCall) -> list[Node]:
        return self.uses_addresses(node.arguments, _INTRINSIC_USES.get(node.intrinsic, ""))

    def uses_addresses(self, arguments: Sequence[e.Expression | e.Location], uses: str) -> list[Node]:
        """Of what uses addresses and keeps none. uses: `w`, `r` or ` ` for each argument."""
        rest: list[Node] = []
        for argument, use in zip(arguments, uses.ljust(len(arguments)), strict=True):
            if isinstance(argument, e.AddressOf) and use != " ":
                rest += self.place(argument.location, reads=use == "r", writes=use == "w")
            else:
                rest.append(argument)
        return rest

    def call(self, node: e.Call) -> list[Node]:
        self.uses.calls.append(CallEdge(node.function, node.at, certain=True))
        if node.function.from_library and (uses := _FUNCTION_USES.get(node.function.name)):
            return self.uses_addresses(node.arguments, uses)
        rest = self.arguments(node.function, node.arguments, ())
        if node.receiver is not None:
            rest += self.place(node.receiver, reads=True, writes=True)
        return rest

    def virtual_call(self, node: e.VirtualCall) -> list[Node]:
        kind = resolve(node.receiver.type)
        own = isinstance(node.receiver, e.SelfAt)
        callees = self.tables.virtual(kind, node.slot) if isinstance(kind, FunctionBlockType) else []
        for callee in callees:
            certain = own and callee is node.method
            self.uses.calls.append(CallEdge(callee, node.at, certain))
        rest = self.arguments(node.method, node.arguments, callees)
        return rest + self.place(node.receiver, reads=True, writes=True)

    def interface_call(self, node: e.InterfaceCall) -> list[Node]:
        callees = self.tables.interface(node.interface, node.slot)
        for callee in callees:
            self.uses.calls.append(CallEdge(callee, node.at, certain=False))
        return [node.receiver, *self.arguments(node.method, node.arguments, callees)]


_PLACES = {e.VariableAt, e.FieldAt, e.IndexAt, e.DerefAt, e.SelfAt, e.BitAt, e.ConstantAt, e.SequenceAt, e.ViewAt}
_ENDS = {e.VariableAt, e.DerefAt, e.SelfAt, e.ConstantAt}
_PERMANENT = (Storage.STATIC, Storage.AREA)
_FUNCTION_USES = {"MEMCPY": "wr ", "MEMMOVE": "wr ", "MEMSET": "w  ", "MEMCMP": "rr "}
_INTRINSIC_USES = {
    e.Intrinsic.COPY_MEMORY: "wr ",
    e.Intrinsic.FILL_MEMORY: "w  ",
    e.Intrinsic.COMPARE_MEMORY: "rr ",
    e.Intrinsic.CHANGE: "r",
    e.Intrinsic.TEST_AND_SET: "w",
}
_SPECIAL: dict[type, Callable[..., list[Node]]] = {
    **dict.fromkeys(_PLACES, _Collector.read),
    e.Load: _Collector.load,
    e.AddressOf: _Collector.address_of,
    s.Assign: _Collector.assigned,
    s.Copy: _Collector.assigned,
    s.CopyText: _Collector.assigned,
    s.Fill: _Collector.assigned,
    e.IntrinsicCall: _Collector.intrinsic,
    e.Call: _Collector.call,
    e.VirtualCall: _Collector.virtual_call,
    e.InterfaceCall: _Collector.interface_call,
}
_PLAIN = {kind: names for kind, names in PARTS.items() if kind not in _SPECIAL}
_LEAVES = {kind for kind, names in _PLAIN.items() if not names}
_ONE = {kind: attrgetter(*names) for kind, names in _PLAIN.items() if len(names) == 1}
_SEVERAL = {kind: attrgetter(*reversed(names)) for kind, names in _PLAIN.items() if len(names) > 1}
"""What a node has below it, the last part first: it goes on a stack."""
