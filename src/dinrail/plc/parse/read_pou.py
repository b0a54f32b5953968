"""Tokens to types with names, global lists and program organisation units.

Source: IEC 61131-3:2013, 6.6 (tables 19 to 50: functions, function blocks, methods, interfaces) and 6.4.4 (table 11);
TwinCAT 3's properties, actions, and the sections that its files consist of.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from dinrail.plc.parse.cursor import SyntaxFault, TooDeepError
from dinrail.plc.parse.declaration import (
    Access,
    GlobalList,
    Pou,
    PouKind,
    Property,
    StructDef,
    TypeDecl,
    TypeExpr,
    VariableDecl,
)
from dinrail.plc.parse.read_statement import GLOBAL_STARTS, MEMBER_STARTS, UNIT_ENDS, UNIT_STARTS, VAR_STARTS
from dinrail.plc.parse.read_variable import VariableReader
from dinrail.plc.parse.statement import Stmt
from dinrail.plc.scan.tokens import END, NAME
from dinrail.plc.source import line_of

_MODIFIERS: Final = frozenset(("PUBLIC", "PRIVATE", "PROTECTED", "INTERNAL", "ABSTRACT", "FINAL", "OVERRIDE"))
_BODY_ENDS: Final = MEMBER_STARTS | UNIT_STARTS | UNIT_ENDS | {END}


class PouReader(VariableReader):
    """Reads what stands on its own. is_section: the text is a part of a TwinCAT file, where no END_... is written."""

    __slots__ = ("is_section",)

    is_section: bool

    def guarded(self, read: Callable[[], None]) -> None:
        """Reads one declaration, and goes on behind a fault in it."""
        raise NotImplementedError

    def pou(self) -> Pou:
        """A program, function, function block or interface, whole. Raises SyntaxFault for a head without a name."""
        start, kind = self.at, PouKind(self.kinds[self.at])
        pou = self._pou_head(kind)
        self._declared(pou)
        if not self.is_section:
            self._members_and_body(pou)
            self._close(kind.value, pou.name, start)
        return pou

    def _pou_head(self, kind: PouKind) -> Pou:
        start = self.at
        self.at += 1
        pou = Pou(self.places[start], kind, "")
        access, pou.abstract, pou.final = self._modifiers()
        pou.access = access
        pou.at, pou.name = self.name(f"the name of this {kind.value}")
        if kind is PouKind.FUNCTION or kind is PouKind.METHOD:
            pou.returns = self._returned()
        if self.word() == "EXTENDS":
            self.at += 1
            pou.extends.append(self.named_type())
            while self.accept(","):
                pou.extends.append(self.named_type())
        if self.word() == "IMPLEMENTS":
            self.at += 1
            pou.implements.append(self.named_type())
            while self.accept(","):
                pou.implements.append(self.named_type())
        self.accept(";")
        pou.has_body = kind is not PouKind.INTERFACE and not (pou.abstract and kind is PouKind.METHOD)
        pou.comment = self.comment_of(start, self.at - 1)
        pou.attributes = self.attributes.get(start, ())
        return pou

    def _modifiers(self) -> tuple[Access, bool, bool]:
        access, is_abstract, is_final = Access.PUBLIC, False, False
        while (word := self.word()) in _MODIFIERS and self.is_name(self.at + 1):
            self.at += 1
            if word in Access.__members__:
                access = Access[word]
            is_abstract |= word == "ABSTRACT"
            is_final |= word == "FINAL"
        return access, is_abstract, is_final

    def _returned(self) -> TypeExpr | None:
        if not self.accept(":"):
            at = self.at
            if self.word() and not self.starts_line(at) and (self.kinds[at + 1] == ";" or self.starts_line(at + 1)):
                raise self.unexpected("`:`", "a result's type stands behind it")
            return None
        kind = self.type_expr()
        if self.kinds[self.at] == ":=":
            raise self.fault("a result has no initial value here", "assign it first thing in the body")
        return kind

    def _declared(self, pou: Pou) -> None:
        while self.kinds[self.at] in VAR_STARTS or self.kinds[self.at] in ("VAR_ACCESS", "VAR_CONFIG"):
            pou.blocks.append(self.var_block())
        pou.body_at = self.places[self.at]

    def _members_and_body(self, pou: Pou) -> None:
        """Methods, properties, actions and statements up to what ends the unit, in any order."""
        while True:
            kind = self.kinds[self.at]
            if kind in MEMBER_STARTS and self.kinds[self.at + 1] == NAME and pou.kind is not PouKind.FUNCTION:
                self.guarded(lambda: self.member(pou))
            elif kind in VAR_STARTS:
                self._late_block(pou)
            elif kind in _BODY_ENDS:
                return
            else:
                start = self.at
                pou.body += self.body()
                if self.at == start:
                    return

    def _late_block(self, pou: Pou) -> None:
        kind = self.describe(self.at)
        if pou.body:
            self.report.error(self.places[self.at], "syntax", f"{kind} stands behind the first statement", _FIRST)
        block = self.var_block()
        if not pou.body:
            pou.blocks.append(block)

    def body(self) -> list[Stmt]:
        """Statements up to what no statement can begin with. What is nested too deep is told, and left out."""
        self.open, self.opened, self.depth = [], [], 0
        try:
            return self.statements()
        except TooDeepError as fault:
            self.tell(fault)
            self.open, self.opened, self.depth = [], [], 0
            while self.kinds[self.at] not in _BODY_ENDS:
                self.at += 1
            return []

    def member(self, pou: Pou) -> None:
        """A METHOD, PROPERTY or ACTION, added to its unit."""
        if self.kinds[self.at] == "METHOD":
            pou.methods.append(self.method(is_bare=pou.kind is PouKind.INTERFACE))
        elif self.kinds[self.at] == "PROPERTY":
            pou.properties.append(self.property_(is_bare=pou.kind is PouKind.INTERFACE))
        else:
            pou.actions.append(self._action())

    def method(self, *, is_bare: bool = False) -> Pou:
        """A method; an interface's (is_bare) has no body."""
        start = self.at
        made = self._pou_head(PouKind.METHOD)
        made.has_body = made.has_body and not is_bare
        self._declared(made)
        if not self.is_section:
            made.body = self.body()
            self._close("METHOD", made.name, start)
        return made

    def _action(self) -> Pou:
        start = self.at
        self.at += 1
        place, name = self.name("the name of this ACTION")
        made = Pou(place, PouKind.ACTION, name, comment=self.comment_of(start, self.at - 1))
        self.accept(":")
        made.body_at = self.places[self.at]
        made.body = self.body()
        self._close("ACTION", name, start)
        return made

    def property_(self, *, is_bare: bool = False) -> Property:
        """A property; an interface's (is_bare) says which of GET and SET it has."""
        start = self.at
        self.at += 1
        access, is_abstract, is_final = self._modifiers()
        place, name = self.name("the name of this PROPERTY")
        if self.kinds[self.at] != ":":
            raise self.unexpected("`:`", "a property is declared PROPERTY name : TYPE")
        self.at += 1
        made = Property(place, name, self.type_expr(), None, None, access, is_abstract, is_final)
        made.comment, made.attributes = self.comment_of(start, self.at - 1), self.attributes.get(start, ())
        self.accept(";")
        while not self.is_section and self.kinds[self.at] in ("VAR", "VAR_TEMP"):
            self.var_block()
        while not self.is_section and self.word() in ("GET", "SET"):
            accessor = self._accessor(is_bare=is_bare or is_abstract)
            if accessor.name.upper() == "GET":
                made.getter = accessor
            else:
                made.setter = accessor
        if not self.is_section:
            self._close("PROPERTY", name, start)
        return made

    def _accessor(self, *, is_bare: bool) -> Pou:
        start, word = self.at, self.word()
        self.at += 1
        access = Access.PUBLIC
        if self.word() in Access.__members__:
            access = Access[self.word()]
            self.at += 1
        made = Pou(self.places[start], PouKind.METHOD, word, access=access, has_body=not is_bare)
        self._declared(made)
        made.body = self.body()
        self._close(word, "", start)
        return made

    def accessor_section(self, name: str) -> Pou:
        """The declarations of a getter or setter, as TwinCAT keeps them: blocks of variables, perhaps its access."""
        made = Pou(self.places[self.at], PouKind.METHOD, name)
        made.access, made.abstract, made.final = self._modifiers()
        if self.word() in Access.__members__:
            made.access = Access[self.word()]
            self.at += 1
        self._declared(made)
        return made

    def _close(self, keyword: str, name: str, start: int) -> None:
        """END_... of what began at `start`; a missing one is told."""
        if self.accept(f"END_{keyword}"):
            self.accept(";")
            return
        if self.kinds[self.at] == END and self.tokens.is_cut:
            return
        here, line = self.describe(self.at), line_of(self.places[start])
        text = f"END_{keyword} is missing before {here}: {f'{keyword} {name}'.strip()} began in line {line}"
        self.report.error(self.places[self.at], "syntax", text)
        if self.kinds[self.at] in UNIT_ENDS and keyword not in MEMBER_STARTS and keyword not in ("GET", "SET"):
            self.at += 1
            self.accept(";")

    def type_decls(self) -> list[TypeDecl]:
        """TYPE ... END_TYPE, with one type or more."""
        start = self.at
        self.at += 1
        out: list[TypeDecl] = []
        while self.is_name(self.at) and not (self.starts_line(self.at) and self.kinds[self.at] in UNIT_STARTS):
            first = self.at if out else start
            try:
                out.append(self._type_decl(first))
            except SyntaxFault as fault:
                self._skip_type(fault)
        self._close("TYPE", "", start)
        return out

    def _skip_type(self, fault: SyntaxFault) -> None:
        self.tell(fault)
        self.depth = 0
        while self.kinds[self.at] != "END_TYPE" and (self.kinds[self.at] not in _BODY_ENDS or self.at == 0):
            self.at += 1
        while self.kinds[self.at] in ("END_STRUCT", "END_UNION", ";"):
            self.at += 1

    def _type_decl(self, first: int) -> TypeDecl:
        at = self.at
        self._modifiers()
        place, name = self.name("the name of this TYPE")
        extends = None
        if self.word() == "EXTENDS":
            self.at += 1
            extends = self.named_type()
        if self.kinds[self.at] != ":":
            raise self.unexpected("`:`", "a type is declared TYPE name : ... END_TYPE")
        self.at += 1
        attributes = self.attributes.get(first, ()) or self.attributes.get(at, ())
        made = TypeDecl(place, name, self._definition(), attributes=attributes)
        made.comment = self._comment_above(first) or self._comment_above(at)
        if isinstance(made.definition, StructDef):
            made.definition.extends = extends or made.definition.extends
        elif self.accept(":="):
            made.initial = self.initialiser()
        if self.kinds[self.at] == ";":
            self.at += 1
        elif not isinstance(made.definition, StructDef) and self.kinds[self.at] != "END_TYPE":
            raise self.unexpected("`;`")
        return made

    def _definition(self) -> TypeExpr | StructDef:
        kind = self.kinds[self.at]
        if kind in ("STRUCT", "UNION"):
            return self._struct(kind)
        # `INT (a := 1, b)`: the base of an enumeration before its members (IEC 61131-3, table 11).
        is_listed = self.kinds[self.at + 1 : self.at + 3] == ["(", NAME] and self.kinds[self.at + 3] in (":=", ",", ")")
        if is_listed and self.word() not in ("", "STRING", "WSTRING"):
            return self.enumeration(self.named_type())
        return self.type_expr()

    def _struct(self, keyword: str) -> StructDef:
        made = StructDef(self.places[self.at], [], keyword == "UNION")
        self.at += 1
        if self.word() == "EXTENDS":
            self.at += 1
            made.extends = self.named_type()
        members: list[VariableDecl] = made.members
        self.variables(members, f"END_{keyword}")
        self._close_variables(keyword, made.at, f"END_{keyword}")
        return made

    def global_list(self, name: str) -> GlobalList:
        """The VAR_GLOBAL and VAR_CONFIG blocks that stand together here."""
        start = self.at
        made = GlobalList(self.places[start], name, [], self._comment_above(start), self.attributes.get(start, ()))
        while self.kinds[self.at] in GLOBAL_STARTS:
            made.blocks.append(self.var_block())
        return made


_FIRST: Final = "all declarations of a unit come before its code"
