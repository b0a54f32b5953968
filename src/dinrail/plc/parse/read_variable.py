"""Tokens to types, variables and blocks of variables.

Source: IEC 61131-3:2013, 6.4 (tables 10 to 13: data types) and 6.5 (tables 14 to 16: variables); TwinCAT 3's pointers,
references, VAR_INST, VAR_STAT and the arguments of FB_Init.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from dinrail.plc.parse.cursor import SOFT, SyntaxFault
from dinrail.plc.parse.declaration import (
    ArrayOf,
    BlockKind,
    EnumMember,
    EnumOf,
    NamedType,
    PointerTo,
    Subrange,
    TextType,
    TypeExpr,
    VarBlock,
    VariableDecl,
)
from dinrail.plc.parse.expression import Argument, ArrayInit, Expr
from dinrail.plc.parse.read_block import BlockReader
from dinrail.plc.parse.read_statement import OUTSIDE, UNIT_STARTS, VAR_STARTS
from dinrail.plc.scan.comments import comment_text
from dinrail.plc.scan.tokens import ADDRESS, END, LITERAL, NAME, Remark
from dinrail.plc.source import Place, line_of

_VAR_KINDS: Final = {kind.value: kind for kind in BlockKind}
_FLAGS: Final = frozenset(("CONSTANT", "RETAIN", "PERSISTENT", "NON_RETAIN"))
_ENDS: Final = frozenset(("END_VAR", "END_STRUCT", "END_UNION", "END_TYPE", END)) | VAR_STARTS | UNIT_STARTS
_STATEMENTS: Final = frozenset(("IF", "FOR", "WHILE", "CASE", "REPEAT", "RETURN"))
_TEXTS: Final = frozenset(("STRING", "WSTRING"))
_Arguments = list[Argument] | None
_Elements = list[list[Argument]] | None


class VariableReader(BlockReader):
    """Reads types and variables. remark_places: of all comments and pragmas, ascending."""

    __slots__ = ("remark_places",)

    remark_places: list[Place]

    def comment_of(self, first: int, last: int) -> str:
        """The comment of what lies between two tokens: behind it on its last line, else in the lines right above it."""
        remarks = self.tokens.remarks
        if not remarks:
            return ""
        behind = bisect_left(self.remark_places, self.places[last])
        if behind < len(remarks):
            remark = remarks[behind]
            same_line = remark.at >> 12 == self.places[last] >> 12
            is_last = remark.at < self.places[last + 1] or self.kinds[last + 1] == END
            if same_line and is_last and remark.text[0] != "{":
                return comment_text(remark.text)
        return self._comment_above(first)

    def _comment_above(self, first: int) -> str:
        found: list[str] = []
        line = line_of(self.places[first])
        previous = self.places[first - 1] if first else Place(-1)
        at = bisect_left(self.remark_places, self.places[first]) - 1
        while at >= 0:
            remark: Remark = self.tokens.remarks[at]
            is_alone = remark.at > previous and (first == 0 or remark.at >> 12 != previous >> 12)
            if not is_alone or remark.end_line < line - 1:
                break
            found.append(comment_text(remark.text))
            line = line_of(remark.at)
            at -= 1
        return "\n".join(filter(None, reversed(found)))

    def is_name(self, at: int) -> bool:
        return self.kinds[at] == NAME or self.kinds[at] in SOFT

    def named_type(self) -> NamedType:
        """`A.B.C`."""
        place, text = self.name("a type")
        parts = [text]
        while self.kinds[self.at] == "." and self.is_name(self.at + 1):
            self.at += 1
            parts.append(self.name()[1])
        return NamedType(place, tuple(parts))

    def type_expr(self) -> TypeExpr:
        """A type without arguments."""
        kind, arguments, elements = self.declared_type()
        if arguments is not None or elements is not None:
            raise SyntaxFault(kind.at, "arguments cannot stand behind this type")
        return kind

    def declared_type(self) -> tuple[TypeExpr, _Arguments, _Elements]:
        """A type, the arguments behind it (of FB_Init), and those of each element of an array of function blocks."""
        at, word = self.at, self.word()
        following = self.kinds[at + 1]
        if self.kinds[at] == "(":
            return self.enumeration(None), None, None
        if word == "ARRAY" and following == "[":
            return self._array()
        if word in ("POINTER", "REFERENCE") and following == "TO":
            self.at = at + 2
            self.deeper()
            target, arguments, elements = self.declared_type()
            self.depth -= 1
            return PointerTo(self.places[at], target, word == "REFERENCE"), arguments, elements
        if word in _TEXTS:
            return self._text_type(), None, None
        if self.kinds[at] in ("STRUCT", "UNION"):
            raise self._nameless_struct()
        named = self.named_type()
        if self.kinds[self.at] == "(":
            return self._with_arguments(named)
        return named, None, None

    def _nameless_struct(self) -> SyntaxFault:
        """What is wrong with a STRUCT in place of a type; goes to its end."""
        keyword = self.kinds[self.at]
        hint = f"declare it with TYPE name : {keyword} ... END_TYPE"
        fault = self.fault(f"a {keyword} needs a name of its own", hint)
        while self.kinds[self.at] not in (f"END_{keyword}", "END_VAR", "END_TYPE", END):
            self.at += 1
        self.accept(f"END_{keyword}")
        return fault

    def _text_type(self) -> TextType:
        place, is_wide = self.places[self.at], self.word() == "WSTRING"
        self.at += 1
        length: Expr | None = None
        if self.kinds[self.at] in ("(", "["):
            closing = ")" if self.kinds[self.at] == "(" else "]"
            self.at += 1
            length = self.whole_expression()
            self.expect(closing)
        return TextType(place, is_wide, length)

    def _array(self) -> tuple[TypeExpr, _Arguments, _Elements]:
        place = self.places[self.at]
        self.at += 2
        ranges: list[tuple[Expr, Expr] | None] = [self._range()]
        while self.accept(","):
            ranges.append(self._range())
        if self.kinds[self.at] != "]":
            raise self.unexpected("`,` or `]`", "a range is written low..high")
        self.at += 1
        if self.kinds[self.at] != "OF":
            raise self.unexpected("OF")
        self.at += 1
        self.deeper()
        element, arguments, elements = self.declared_type()
        self.depth -= 1
        if arguments is None and self.kinds[self.at] == "[" and self.kinds[self.at + 1] == "(":
            elements = self._element_arguments()
        return ArrayOf(place, ranges, element), arguments, elements

    def _range(self) -> tuple[Expr, Expr] | None:
        if self.kinds[self.at] == "*" and self.kinds[self.at + 1] in (",", "]"):
            self.at += 1
            return None
        low = self.whole_expression()
        if self.kinds[self.at] != "..":
            raise self.unexpected("`..`", "a range is written low..high")
        self.at += 1
        return low, self.whole_expression()

    def _element_arguments(self) -> list[list[Argument]]:
        self.at += 1
        out = [self.arguments()]
        while self.accept(","):
            if self.kinds[self.at] != "(":
                raise self.unexpected("`(`")
            out.append(self.arguments())
        self.expect("]")
        return out

    def _with_arguments(self, named: NamedType) -> tuple[TypeExpr, _Arguments, _Elements]:
        """`INT (0..100)`, or `FB_X(a := 1)`; stands at the bracket."""
        start = self.at
        if self.kinds[start + 1] != ")" and not (self.is_name(start + 1) and self.kinds[start + 2] == ":="):
            self.at += 1
            low = self.whole_expression()
            if self.accept(".."):
                high = self.whole_expression()
                self.expect(")")
                return Subrange(named.at, named, low, high), None, None
            self.at = start
        return named, self.arguments(), None

    def enumeration(self, base: NamedType | None) -> EnumOf:
        """`(a, b := 5) UINT`; stands at the bracket."""
        place = self.places[self.at]
        self.at += 1
        members: list[EnumMember] = []
        while True:
            first = self.at
            at, name = self.name("a member's name")
            value = self.whole_expression() if self.accept(":=") else None
            last = self.at if self.kinds[self.at] == "," else self.at - 1
            comment, attributes = self.comment_of(first, last), self.attributes.get(first, ())
            members.append(EnumMember(at, name, value, comment, attributes))
            if not self.accept(","):
                break
        if self.kinds[self.at] != ")":
            raise self.unexpected("`,` or `)`")
        self.at += 1
        if base is None and self.is_name(self.at):
            base = self.named_type()
        return EnumOf(place, members, base)

    def var_block(self) -> VarBlock:
        """VAR ... END_VAR; stands at VAR."""
        start = self.at
        block = VarBlock(self.places[start], _VAR_KINDS[self.kinds[start]], [])
        block.attributes = self.attributes.get(start, ())
        self.at += 1
        while self.word() in _FLAGS and self.kinds[self.at + 1] not in (":", ","):
            word = self.word()
            block.constant |= word == "CONSTANT"
            block.retain |= word == "RETAIN"
            block.persistent |= word == "PERSISTENT"
            self.at += 1
        if block.kind is BlockKind.CONFIG:
            self._configured(block.variables)
        else:
            self.variables(block.variables, "END_VAR")
        self._close_variables(self.texts[start].upper(), block.at, "END_VAR")
        return block

    def _close_variables(self, keyword: str, place: Place, end: str) -> None:
        if self.accept(end):
            self.accept(";")
        elif self.kinds[self.at] != END or not self.tokens.is_cut:
            text = f"{end} is missing before {self.describe(self.at)}: the {keyword} of line {line_of(place)} is open"
            self.report.error(self.places[self.at], "syntax", text)

    def variables(self, out: list[VariableDecl], end: str) -> None:
        """Declarations up to `end`, or whatever else can only stand behind it."""
        while self.kinds[self.at] not in _ENDS:
            start = self.at
            try:
                if self.accept(";"):
                    continue
                if self._is_code():
                    return
                self._variable(out)
            except SyntaxFault as fault:
                self._skip_variable(start, fault)
        if self.kinds[self.at] in ("END_VAR", "END_STRUCT", "END_UNION") and self.kinds[self.at] != end:
            text = f"{self.describe(self.at)} stands where {end} is wanted"
            self.report.error(self.places[self.at], "syntax", text)
            self.kinds[self.at] = end

    def _is_code(self) -> bool:
        """Whether statements begin here, so that the end of the declarations was forgotten."""
        kind, following = self.kinds[self.at], self.kinds[self.at + 1]
        if kind in _STATEMENTS or (kind in OUTSIDE and not self.is_name(self.at)):
            return following not in (":", ",")
        if kind != NAME or not self.starts_line(self.at):
            return False
        return following in ("(", ".", "^", "[") or (following == ":=" and not self._comes_before_unit_ends("END_VAR"))

    def _comes_before_unit_ends(self, wanted: str) -> bool:
        at = self.at
        while self.kinds[at] != wanted and self.kinds[at] not in OUTSIDE:
            at += 1
        return self.kinds[at] == wanted

    def _skip_variable(self, start: int, fault: SyntaxFault) -> None:
        """Tells a fault, and goes on behind the next semicolon or before the next declaration."""
        self.tell(fault)
        self.depth = 0
        if self.at == start:
            self.at += self.kinds[start] not in _ENDS
        while self.kinds[self.at] not in _ENDS:
            if self.accept(";"):
                return
            if self.is_name(self.at) and self.kinds[self.at + 1] == ":" and self.starts_line(self.at):
                return
            self.at += 1

    def _variable(self, out: list[VariableDecl]) -> None:
        first = self.at
        names = [self._name_and_location()]
        while self.accept(","):
            names.append(self._name_and_location())
        if self.kinds[self.at] != ":":
            hint = "a variable is declared `name : TYPE := value;`" if self.kinds[self.at] == ":=" else ""
            raise self.unexpected("`:`", hint)
        self.at += 1
        kind, arguments, elements = self.declared_type()
        initial = self._initial(kind)
        self._end_variable()
        comment, attributes = self.comment_of(first, self.at - 1), self.attributes.get(first, ())
        for place, name, location in names:
            made = VariableDecl(place, name, kind, initial, location, arguments, comment, attributes)
            made.element_arguments = elements
            out.append(made)

    def _configured(self, out: list[VariableDecl]) -> None:
        """`MAIN.fb[1].x AT %IB4 : BOOL;`: addresses of variables that are declared elsewhere, by their paths."""
        while self.kinds[self.at] not in _ENDS:
            start = self.at
            try:
                place, path = self.name("a variable's path")
                path += self._rest_of_path()
                location = self._location()
                if not self.accept(":"):
                    raise self.unexpected("`:`")
                kind = self.type_expr()
                self._end_variable()
            except SyntaxFault as fault:
                self._skip_variable(start, fault)
            else:
                out.append(VariableDecl(place, path, kind, location=location))

    def _rest_of_path(self) -> str:
        path = ""
        while self.kinds[self.at] in (".", "["):
            if self.accept("."):
                path += f".{self.name()[1]}"
                continue
            while self.kinds[self.at] != "]":
                if self.kinds[self.at] not in ("[", ",", "-", LITERAL):
                    raise self.unexpected("`]`")
                path += self.texts[self.at]
                self.at += 1
            self.at += 1
            path += "]"
        return path

    def _name_and_location(self) -> tuple[Place, str, str]:
        place, name = self.name("a variable's name")
        return place, name, self._location()

    def _location(self) -> str:
        if self.word() != "AT":
            return ""
        self.at += 1
        if self.kinds[self.at] != ADDRESS:
            raise self.unexpected("an address", "as in AT %I*, AT %QX0.1 or AT %MW4")
        self.at += 1
        return self.texts[self.at - 1]

    def _initial(self, kind: TypeExpr) -> Expr | None:
        """What stands behind `:=` or `REF=`; CODESYS 2.3 wrote an array's values without brackets."""
        if self.kinds[self.at] == "=":
            raise self.fault("`=` compares, and a declaration assigns", "write := before the initial value")
        if self.word() == "REF" and self.kinds[self.at + 1] == "=":
            self.at += 2
        elif not self.accept(":="):
            return None
        place = self.places[self.at]
        if not isinstance(kind, ArrayOf):
            return self.initialiser()
        items = self.initial_items()
        repeated, value = items[0]
        if len(items) == 1 and repeated is None:
            return value
        return ArrayInit(place, items)

    def _end_variable(self) -> None:
        kind = self.kinds[self.at]
        if kind == ";":
            self.at += 1
        elif kind in _ENDS or (self.starts_line(self.at) and self.is_name(self.at)):
            if kind != END or not self.tokens.is_cut:
                self.report.error(self.behind_previous(), "syntax", "`;` is missing at the end of this declaration")
        else:
            raise self.unexpected("`;`")
