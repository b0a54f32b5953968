"""Tokens to expressions: recursive descent with precedence climbing.

Source: IEC 61131-3:2013, 7.3.2 (table 71: operators, precedence); TwinCAT 3's `S=`, `R=`, `REF=`, pointers, THIS.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dinrail.plc.parse.cursor import MAX_HEIGHT, SOFT, Cursor, SyntaxFault
from dinrail.plc.parse.expression import (
    Argument,
    ArrayInit,
    Assigning,
    Assignment,
    Binary,
    BitOf,
    Call,
    Deref,
    DirectAddress,
    Expr,
    GlobalName,
    Index,
    Literal,
    LiteralKind,
    Member,
    Name,
    Passing,
    StructInit,
    Super,
    This,
    Unary,
)
from dinrail.plc.scan.literal import LITERALS
from dinrail.plc.scan.tokens import ADDRESS, LITERAL, NAME, TYPED_NAME
from dinrail.plc.source import Place

_POWERS: Final = {
    "OR": 1,
    "OR_ELSE": 1,
    "XOR": 2,
    "AND": 3,
    "AND_THEN": 3,
    "=": 4,
    "<>": 4,
    "<": 5,
    "<=": 5,
    ">": 5,
    ">=": 5,
    "+": 6,
    "-": 6,
    "*": 7,
    "/": 7,
    "MOD": 7,
    "**": 8,
}
"""How strongly operators bind; all from left to right."""
_power: Final = _POWERS.get
_POSTFIXES: Final = frozenset((".", "[", "(", "^"))
_AS_FUNCTIONS: Final = frozenset(("AND", "OR", "XOR", "MOD", "AND_THEN", "OR_ELSE"))
_ENDS_EXPRESSION: Final = frozenset(("THEN", "DO", "OF", "TO", "BY", "ELSE", "UNTIL", "end", "faulty"))
_NAMED: Final = {":=": Passing.INPUT, "=>": Passing.OUTPUT}
_WORDS_BEFORE_EQUALS: Final = {"S": Assigning.SET, "R": Assigning.RESET, "REF": Assigning.REFERENCE}


class ExpressionReader(Cursor):
    """Reads expressions."""

    __slots__ = ()

    def whole_expression(self) -> Expr:
        """An expression that is part of no other; its tree is never higher than MAX_HEIGHT. Raises SyntaxFault."""
        start = self.at
        node = self.expression()
        if self.at - start > MAX_HEIGHT:
            self._check_height(node)
        return node

    def _check_height(self, node: Expr) -> None:
        level = [node]
        for _ in range(MAX_HEIGHT):
            level = [part for node in level for part in _parts(node)]
            if not level:
                return
        hint = "assign a part of it to a variable first"
        self.report.error(node.at, "nesting", f"this expression chains more than {MAX_HEIGHT} operators", hint)
        raise SyntaxFault(node.at, "", is_told=True)  # nobody walks such a tree

    def expression(self, floor: int = 0) -> Expr:
        """Operators that bind stronger than `floor`. Raises SyntaxFault."""
        left = self.operand()
        kinds = self.kinds
        power = _power(kinds[self.at], 0)
        while power > floor:
            at = self.at
            self.at = at + 1
            right = self.expression(power)
            left = Binary(self.places[at], kinds[at], left, right)
            power = _power(kinds[self.at], 0)
        return left

    def operand(self) -> Expr:
        """A value with its signs and all that is hung on it. Raises SyntaxFault."""
        at = self.at
        kind = self.kinds[at]
        if kind == NAME:
            self.at = at + 1
            node: Expr = Name(self.places[at], self.texts[at])
            return self._postfixed(node) if self.kinds[at + 1] in _POSTFIXES else node
        if kind == LITERAL:
            self.at = at + 1
            worth = LITERALS[self.texts[at]]
            if worth.fault:
                self.report.error(self.places[at], "literal", worth.fault, worth.hint)
            return Literal(self.places[at], worth[0], worth[1], worth[2])
        if kind in ("NOT", "-", "+"):
            self.at = at + 1
            self.deeper()
            inner = self.operand()
            self.depth -= 1
            return Unary(self.places[at], kind, inner)
        return self._postfixed(self._rare_operand(kind))

    def _rare_operand(self, kind: str) -> Expr:
        at = self.at
        place = self.places[at]
        self.at = at + 1
        if kind == "(":
            return self._in_brackets()
        if kind == "THIS":
            return This(place)
        if kind == "SUPER":
            return Super(place)
        if kind == TYPED_NAME:
            base, _, name = self.texts[at].partition("#")
            return Member(place, Name(place, base), name)
        if kind == ADDRESS:
            return DirectAddress(place, self.texts[at])
        if kind == "." and self.kinds[self.at] == NAME:
            self.at += 1
            return GlobalName(self.places[at + 1], self.texts[at + 1])
        if kind in SOFT or (kind in _AS_FUNCTIONS and self.kinds[self.at] == "("):
            return Name(place, self.texts[at])
        self.at = at
        raise self.unexpected("a value")

    def _in_brackets(self) -> Expr:
        self.deeper()
        node = self.assigned(self.expression())
        self.depth -= 1
        self.expect(")")
        return node

    def assigned(self, target: Expr) -> Expr:
        """What an assignment's operator after `target` makes of it; `target` itself where none stands."""
        at = self.at
        kind = self.kinds[at]
        if kind == ":=":
            how = Assigning.VALUE
            self.at = at + 1
        elif kind == NAME and self.kinds[at + 1] == "=" and self.texts[at].upper() in _WORDS_BEFORE_EQUALS:
            how = _WORDS_BEFORE_EQUALS[self.texts[at].upper()]
            self.at = at + 2
        else:
            return target
        self.deeper()
        value = self.assigned(self.whole_expression())
        self.depth -= 1
        return Assignment(self.places[at], target, how, value)

    def _postfixed(self, node: Expr) -> Expr:
        kinds = self.kinds
        while True:
            at = self.at
            kind = kinds[at]
            if kind == ".":
                node = self._member(node)
            elif kind == "(":
                node = Call(node.at, node, self.arguments())
            elif kind == "[":
                self.at = at + 1
                self.deeper()
                indices = [self.expression()]
                while kinds[self.at] == ",":
                    self.at += 1
                    indices.append(self.expression())
                self.depth -= 1
                self.expect("]")
                node = Index(self.places[at], node, indices)
            elif kind == "^":
                self.at = at + 1
                node = Deref(self.places[at], node)
            else:
                return node

    def _member(self, base: Expr) -> Expr:
        at = self.at + 1
        kind, text = self.kinds[at], self.texts[at]
        place = self.places[at]
        if kind == NAME:
            self.at = at + 1
            return Member(place, base, text)
        if kind == LITERAL and text.isdecimal() and len(text) < 4:
            self.at = at + 1
            return BitOf(place, base, int(text))
        if kind == ADDRESS and text[1] in "Xx" and text[2:].isdecimal() and len(text) < 6:
            self.at = at + 1
            return BitOf(place, base, int(text[2:]))
        self.at = at
        if self.is_word(at) and kind not in _ENDS_EXPRESSION and not kind.startswith("END_"):
            self.at = at + 1
            return Member(place, base, text)
        raise self.unexpected("a member's name")

    def arguments(self) -> list[Argument]:
        """`(...)` of a call; stands at the bracket."""
        self.at += 1
        kinds = self.kinds
        out: list[Argument] = []
        if kinds[self.at] == ")":
            self.at += 1
            return out
        self.deeper()
        while True:
            out.append(self._argument())
            if kinds[self.at] != ",":
                break
            self.at += 1
            if kinds[self.at] == ")":
                break  # TwinCAT takes a comma behind the last argument
        self.depth -= 1
        if kinds[self.at] != ")":
            raise self.unexpected("`,` or `)`")
        self.at += 1
        return out

    def _argument(self) -> Argument:
        at = self.at
        kinds = self.kinds
        is_negated = kinds[at] == "NOT" and kinds[at + 2] == "=>"
        named = at + is_negated
        passing = _NAMED.get(kinds[named + 1]) if kinds[named] == NAME or kinds[named] in SOFT else None
        if passing is None:
            return Argument(self.places[at], "", Passing.POSITION, self.expression())
        name = self.texts[named]
        self.at = named + 2
        if kinds[self.at] in (",", ")"):
            return Argument(self.places[named], name, passing, None, is_negated)
        value = self.expression()
        return Argument(self.places[named], name, passing, value, is_negated)

    def initialiser(self) -> Expr:
        """What stands behind `:=` in a declaration. Raises SyntaxFault."""
        kind = self.kinds[self.at]
        if kind == "[":
            return self._array_initialiser()
        if kind == "(" and self._names_a_field(self.at + 1):
            return self._struct_initialiser()
        if kind == "(" and self.kinds[self.at + 1] == ")":
            self.at += 2
            return StructInit(self.places[self.at - 2], [])
        return self.whole_expression()

    def _names_a_field(self, at: int) -> bool:
        is_name = self.kinds[at] == NAME or self.kinds[at] in SOFT
        is_reference = self.texts[at + 1].upper() == "REF" and self.kinds[at + 2] == "="
        return is_name and (self.kinds[at + 1] == ":=" or is_reference)

    def _array_initialiser(self) -> Expr:
        at = self.at
        self.at = at + 1
        self.deeper()
        items = self.initial_items()
        self.depth -= 1
        if self.kinds[self.at] != "]":
            raise self.unexpected("`,` or `]`")
        self.at += 1
        return ArrayInit(self.places[at], items)

    def initial_items(self) -> list[tuple[Expr | None, Expr | None]]:
        """Values with commas between them, each perhaps repeated: `1, 2, 3(0)`."""
        items = [self._initial_item()]
        while self.accept(","):
            items.append(self._initial_item())
        return items

    def _initial_item(self) -> tuple[Expr | None, Expr | None]:
        value = self.initialiser()
        if self.kinds[self.at] != "(" or not isinstance(value, Literal) or value.kind is not LiteralKind.INTEGER:
            return None, value
        if self._names_a_field(self.at + 1):
            return value, self._struct_initialiser()
        self.at += 1
        if self.accept(")"):
            return value, None
        self.deeper()
        repeated = self.initialiser()
        self.depth -= 1
        self.expect(")")
        return value, repeated

    def _struct_initialiser(self) -> Expr:
        at = self.at
        self.at = at + 1
        self.deeper()
        fields: list[tuple[Place, str, Expr]] = []
        while True:
            place, name = self.name("a field's name")
            if self.word() == "REF" and self.kinds[self.at + 1] == "=":
                self.at += 2
            else:
                self.expect(":=")
            fields.append((place, name, self.initialiser()))
            if not self.accept(","):
                break
        self.depth -= 1
        if self.kinds[self.at] != ")":
            raise self.unexpected("`,` or `)`")
        self.at += 1
        return StructInit(self.places[at], fields)


def _parts(node: Expr) -> Iterator[Expr]:
    """The expressions right below one."""
    match node:
        case Binary():
            yield node.left
            yield node.right
        case Unary():
            yield node.operand
        case Member() | BitOf() | Deref():
            yield node.base
        case Index():
            yield node.base
            yield from node.indices
        case Call():
            yield node.callee
            yield from (argument.value for argument in node.arguments if argument.value)
        case Assignment():
            yield node.target
            yield node.value
        case _:
            pass
