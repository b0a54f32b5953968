"""Random Structured Text: statements, as a tree that a failing program can be cut down in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from plc_oracle_st_expressions import Scope, methods_of, receiver
from plc_oracle_st_types import (
    BOOL,
    INTEGERS,
    SIGNED,
    UNSIGNED,
    WIDTH,
    Array,
    Block,
    Interface,
    Leaf,
    Pointer,
    Scalar,
    Struct,
    Text,
    limits,
)


@dataclass(slots=True)
class Node:
    """A statement: its lines, and between them the lists of statements that it holds. fixed: never cut away."""

    parts: list[str | list[Node]]
    fixed: bool = False

    def lines(self, indent: str = "") -> Iterator[str]:
        for part in self.parts:
            if isinstance(part, str):
                yield indent + part
            else:
                for inner in part:
                    yield from inner.lines(indent + "    ")

    def bodies(self) -> Iterator[list[Node]]:
        yield from (part for part in self.parts if isinstance(part, list))


def line(text: str, fixed: bool = False) -> Node:
    return Node([text], fixed)


@dataclass(slots=True)
class Author:
    """Writes the statements of one POU.

    counters: its loop variables (`i0`...), one a level, and `n0`... for WHILE and REPEAT.
    """

    scope: Scope
    level: int = 0
    in_loop: bool = False
    may_return: bool = True
    max_level: int = 2
    blocks: list[tuple[str, Block]] = field(default_factory=list)  # instances that may be called
    may_try: bool = False
    labels: int = 0

    def body(self, count: int, depth: int = 2) -> list[Node]:
        return [self.statement(depth) for _ in range(count)]

    def some(self, depth: int) -> list[Node]:
        return self.body(self.scope.dice.randint(1, 2), depth - 1)

    def statement(self, depth: int) -> Node:
        roll, dice = self.scope.dice.random(), self.scope.dice
        if depth > 0 and roll < 0.34:
            kinds = [self._if, self._if, self._case, self._for, self._while, self._repeat]
            if self.may_try:
                more = {"try": self._try, "new": self._new, "jump": self._jump}
                kinds += [way for name, way in more.items() if name not in self.scope.without]
            return dice.choice(kinds)(depth)
        if roll < 0.40 and (leave := self._leave()):
            return leave
        if roll < 0.50 and (copied := self._aggregate()):
            return copied
        if roll < 0.58 and (text := self._text()):
            return text
        if roll < 0.66 and self.blocks and "blocks" not in self.scope.without:
            return self._call_block()
        if roll < 0.69 and (address := self._address()):
            return address
        if roll < 0.73 and (called := self._call_method()):
            return called
        if roll < 0.76 and (bit := self.scope.bit(writable=True)):
            return line(f"{bit} := {self.scope.expression(BOOL, 2)};")
        return self._assign()

    # ----------------------------------------------------------------------------------------------- assignments

    def _assign(self) -> Node:
        leaf = self.scope.find(lambda leaf: isinstance(leaf.kind, Scalar) and leaf.writable, properties=True)
        assert leaf is not None
        assert isinstance(leaf.kind, Scalar)
        kind = leaf.kind
        if self.scope.has("widening", 0.15) and (narrow := self._narrower(kind)):
            kind = narrow
        return line(f"{self.scope.render(leaf)} := {self.scope.expression(kind, 3)};")

    def _narrower(self, kind: Scalar) -> Scalar | None:
        """A type whose every value the wider one takes silently."""
        for family in (SIGNED, UNSIGNED):
            if kind.name in family[1:]:
                return Scalar(self.scope.dice.choice(family[: family.index(kind.name)]))
        return Scalar("REAL") if kind.name == "LREAL" else None

    def _aggregate(self) -> Node | None:
        target = self.scope.find(lambda leaf: isinstance(leaf.kind, Struct | Array) and leaf.writable)
        if target is None or _holds_block(target):
            return None
        source = self.scope.place(target.kind)
        calls = [shape for shape in self.scope.functions if shape.result == target.kind]
        if calls and self.scope.has("calls", 0.5):
            source = self.scope.call_function(self.scope.dice.choice(calls), 2) or source
        return line(f"{self.scope.render(target)} := {source};")

    def _text(self) -> Node | None:
        target = self.scope.find(lambda leaf: isinstance(leaf.kind, Text) and leaf.writable)
        if target is None or "texts" in self.scope.without:
            return None
        assert isinstance(target.kind, Text)
        return line(f"{self.scope.render(target)} := {self.scope.text(target.kind)};")

    def _address(self) -> Node | None:
        holder = self.scope.find(lambda leaf: isinstance(leaf.kind, Pointer | Interface) and leaf.writable)
        return self.point(holder) if holder else None

    def point(self, holder: Leaf) -> Node | None:
        """Sets a pointer, reference or interface to something that lasts."""
        name = self.scope.render(holder)
        kind = holder.kind
        if isinstance(kind, Interface):
            target = self.scope.find(lambda leaf: isinstance(leaf.kind, Block) and implements(leaf.kind, kind))
            return line(f"{name} := {self.scope.render(target)};") if target else None
        assert isinstance(kind, Pointer)
        wanted = kind.target

        def fits(leaf: Leaf) -> bool:
            if isinstance(wanted, Block):
                return isinstance(leaf.kind, Block) and leaf.kind.below(wanted)
            return leaf.kind == wanted and leaf.lasting and leaf.writable

        target = self.scope.find(fits)
        if target is None:
            return None
        what = self.scope.render(target)
        return line(f"{name} REF= {what};" if kind.reference else f"{name} := ADR({what});")

    # -------------------------------------------------------------------------------------------------- calls

    def _call_block(self) -> Node:
        name, block = self.scope.dice.choice(self.blocks)
        parts = []
        for field_name, kind in block.in_outs:
            place = self.scope.place(kind, writable=True)
            if place is None:
                return self._assign()
            parts.append(f"{field_name} := {place}")
        for field_name, kind in block.inputs:
            if isinstance(kind, Scalar | Text) and self.scope.dice.random() < 0.7:
                parts.append(f"{field_name} := {self.scope.expression(kind, 2)}")
        for field_name, kind in block.outputs:
            target = self.scope.place(kind, writable=True)
            if target and self.scope.dice.random() < 0.4:
                parts.append(f"{field_name} => {target}")
        return line(f"{name}({', '.join(parts)});")

    def _call_method(self) -> Node | None:
        """A method for its effect, or its value: mostly through a pointer, reference or interface."""
        scope = self.scope
        holders = [leaf for leaf in scope.leaves if methods_of(leaf.kind)]
        dispatched = [leaf for leaf in holders if not isinstance(leaf.kind, Block)]
        if not holders or "calls" in scope.without:
            return None
        leaf = scope.dice.choice(dispatched if dispatched and scope.dice.random() < 0.8 else holders)
        method = scope.dice.choice(methods_of(leaf.kind))
        call = scope.call_method(receiver(scope, leaf), method, 2)
        target = scope.place(method.result, writable=True)
        return line(f"{target} := {call};" if target and scope.dice.random() < 0.7 else f"{call};")

    # --------------------------------------------------------------------------------------------- control flow

    def _leave(self) -> Node | None:
        ways = ["EXIT", "CONTINUE"] if self.in_loop else ["RETURN"] if self.may_return else []
        if not ways or (not self.in_loop and self.scope.dice.random() < 0.7):
            return None
        return Node([f"IF {self.scope.expression(BOOL, 2)} THEN", [line(f"{self.scope.dice.choice(ways)};")], "END_IF"])

    def _if(self, depth: int) -> Node:
        parts: list[str | list[Node]] = [f"IF {self.scope.expression(BOOL, 3)} THEN", self.some(depth)]
        if self.scope.dice.random() < 0.3:
            parts += [f"ELSIF {self.scope.expression(BOOL, 2)} THEN", self.some(depth)]
        if self.scope.dice.random() < 0.5:
            parts += ["ELSE", self.some(depth)]
        return Node([*parts, "END_IF"])

    def _case(self, depth: int) -> Node:
        dice = self.scope.dice
        enums = [leaf.kind for leaf in self.scope.leaves if isinstance(leaf.kind, Scalar) and leaf.kind.members]
        if enums and dice.random() < 0.3:
            kind = dice.choice(enums)
            labels = [f"{kind.name}.{member}" for member in kind.members]
        else:
            kind = Scalar(dice.choice([name for name in WIDTH if name in INTEGERS]))
            labels = _case_labels(self.scope, kind.name)
        parts: list[str | list[Node]] = [f"CASE {self.scope.expression(kind, 2)} OF"]
        for label in labels[: dice.randint(1, 4)]:
            parts += [f"{label}:", self.some(depth)]
        if dice.random() < 0.6:
            parts += ["ELSE", self.some(depth)]
        return Node([*parts, "END_CASE"])

    def _inside(self, depth: int, head: list[Node] | None = None, counter: str | None = None) -> list[Node]:
        """A loop's body."""
        outer = self.in_loop
        self.level, self.in_loop = self.level + 1, True
        if counter:
            self.scope.counters.append(counter)
        body = [*(head or []), *self.some(depth)]
        if counter:
            self.scope.counters.pop()
        self.level, self.in_loop = self.level - 1, outer
        return body

    def _for(self, depth: int) -> Node:
        if self.level >= self.max_level:
            return self._assign()
        dice, counter = self.scope.dice, f"i{self.level}"
        low, high = dice.randint(-2, 3), dice.randint(-2, 5)
        start, step = str(low), dice.choice(("", " BY 1", " BY 2", " BY -1", " BY 3"))
        end = str(high) if dice.random() < 0.7 else f"LIMIT(-1, {self.scope.integer_name()}, 4)"
        return Node([f"FOR {counter} := {start} TO {end}{step} DO", self._inside(depth, counter=counter), "END_FOR"])

    def _while(self, depth: int) -> Node:
        if self.level >= self.max_level:
            return self._assign()
        guard = f"n{self.level}"
        condition = f"({guard} < 4) AND {self.scope.expression(BOOL, 2)}"
        head = [line(f"{guard} := {guard} + 1;", fixed=True)]
        return Node([f"{guard} := 0;", f"WHILE {condition} DO", self._inside(depth, head), "END_WHILE"])

    def _repeat(self, depth: int) -> Node:
        if self.level >= self.max_level:
            return self._assign()
        guard = f"n{self.level}"
        head = [line(f"{guard} := {guard} + 1;", fixed=True)]
        body = self._inside(depth, head)
        until = f"UNTIL ({guard} >= 3) OR {self.scope.expression(BOOL, 2)}"
        return Node([f"{guard} := 0;", "REPEAT", body, until, "END_REPEAT"])

    def _try(self, depth: int) -> Node:
        outer = (self.in_loop, self.may_return, self.may_try)
        self.in_loop, self.may_return, self.may_try = False, False, False
        body = self.some(depth)
        catch = self.some(depth)
        last = self.some(1)
        self.in_loop, self.may_return, self.may_try = outer
        parts: list[str | list[Node]] = ["__TRY", body, "__CATCH(code)", catch]
        if self.scope.dice.random() < 0.5:
            parts += ["__FINALLY", last]
        return Node([*parts, "__ENDTRY"])

    def _jump(self, depth: int) -> Node:
        """Forward, over some statements, to a label of their own list."""
        self.labels += 1
        label = f"L{self.labels}"
        leave = Node([f"IF {self.scope.expression(BOOL, 2)} THEN", [line(f"JMP {label};", fixed=True)], "END_IF"])
        return Node(
            ["IF TRUE THEN", [leave, *self.some(depth), line(f"{label}:", fixed=True), *self.some(depth)], "END_IF"]
        )

    def _new(self, depth: int) -> Node:
        """An object of the heap, used and given back."""
        value = self.scope.expression(Scalar("DINT"), 2)
        outer = (self.in_loop, self.may_return, self.may_try)
        self.in_loop, self.may_return, self.may_try = False, False, False
        inside = [line(f"pn^ := {value};"), *self.some(depth)]
        self.in_loop, self.may_return, self.may_try = outer
        if target := self.scope.place(Scalar("DINT"), writable=True):
            inside.append(line(f"{target} := pn^;"))
        return Node(["pn := __NEW(DINT);", "IF pn <> 0 THEN", [*inside, line("__DELETE(pn);")], "END_IF"])


def implements(block: Block, interface: Interface) -> bool:
    """Whether the block, or what it extends, has the interface."""
    return block.interface is interface or (block.base is not None and implements(block.base, interface))


def _holds_block(leaf: Leaf) -> bool:
    kind = leaf.kind
    while isinstance(kind, Array):
        kind = kind.element
    return isinstance(kind, Block | Interface | Pointer)


def _case_labels(scope: Scope, name: str) -> list[str]:
    """Labels that do not overlap."""
    low, high = limits(name)
    numbers = sorted({low, high, *(scope.dice.randint(max(low, -20), min(high, 20)) for _ in range(6))})
    labels, at = [], 0
    while at < len(numbers):
        take = scope.dice.choice((1, 1, 2))
        if take == 2 and at + 1 < len(numbers):
            labels.append(f"{numbers[at]}..{numbers[at + 1]}")
            at += 2
        else:
            labels.append(str(numbers[at]))
            at += 1
    scope.dice.shuffle(labels)
    return labels
