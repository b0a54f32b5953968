"""Types as a description declares them: structures, unions, enumerations, aliases, function blocks with methods.

[types.ST_Point]
members = { x = "REAL", y = { type = "REAL", comment = "mm" } }     # pack_mode = 8, extends = "ST_Base"
[types.E_Mode]
values = { Off = 0, Manual = 1 }                                    # base = "INT"
[types.T_Percent]
alias = "INT"                                                       # low = 0, high = 100
[types.U_Any]
union = { n = "DWORD", b = "ARRAY [0..3] OF BYTE" }
[types.FB_Adder]
members = { nCalls = "UDINT" }
methods.Add = { inputs = { a = "DINT", b = "DINT" }, returns = "DINT", result = 42 }
"""

from __future__ import annotations

from collections.abc import Mapping

from dinrail.ads.device.rpc import Returned
from dinrail.ads.simulate.description import Call
from dinrail.ads.simulate.generators import NOT_WHOLE, range_of
from dinrail.ads.simulate.options import Faults, Options
from dinrail.errors import BadRequest
from dinrail.iec import types as iec
from dinrail.iec.book import Definition, TypeBook, contains_itself
from dinrail.iec.structure import structure, union
from dinrail.iec.text import parse
from dinrail.iec.types_text import parse_type
from dinrail.iec.value import Value, encode

_PACK_MODES = (1, 2, 4, 8)


class Types:
    """The declared types. What is wrong goes to `faults`, once; a broken type is then an empty one.

    methods: what serves the methods that are described, by `FB_Type#Method`.
    """

    def __init__(self, given: Mapping[str, object], faults: Faults) -> None:
        self.faults = faults
        self.methods: dict[str, Call] = {}
        self._definitions: dict[str, Definition] = {}
        self._book = TypeBook(self._definitions)
        for name, spec in given.items():
            self._define(name, spec)

    def all(self) -> tuple[iec.IecType, ...]:
        """Every declared type, in the order of the description."""
        found = [self._book.lookup(name) for name in self._definitions]
        return tuple(kind for kind in found if kind is not None)

    def parse(self, text: object, where: str, encoding: iec.Encoding = iec.Encoding.CP1252) -> iec.IecType:
        """The type that a text declares; an empty one when it is wrong."""
        if not isinstance(text, str):
            self.faults.append(f"{where}: the type has to be a text like INT or ST_Point")
            return iec.OpaqueType("?", 0)
        try:
            return parse_type(text, self._book.lookup, pointed=self._book.mention, encoding=encoding)
        except BadRequest as fault:
            self.faults.append(f"{where}: {fault}" + (f" ({fault.why})" if fault.why else ""))
            return iec.OpaqueType("?", 0)

    def _define(self, name: str, spec: object) -> None:
        where = f"types.{name}"
        if name.lower() in self._definitions:
            self.faults.append(f"{where}: is declared twice")
            return

        def build() -> iec.IecType:
            if not isinstance(spec, Mapping):
                self.faults.append(f"{where}: has to be a table with members, values, alias or union")
                return iec.OpaqueType(name, 0)
            kind = self._build(name, Options(spec, where, self.faults))
            if contains_itself(kind, name):
                self.faults.append(f"{where}: contains itself")
                return iec.OpaqueType(name, 0)
            return kind

        self._definitions[name.lower()] = Definition(name, 0, build)

    def _build(self, name: str, options: Options) -> iec.IecType:
        comment, attributes = options.text("comment"), _attributes(options)
        if (alias := options.take("alias")) is not None:
            kind: iec.IecType = self._alias(name, alias, options, comment, attributes)
        elif (values := options.take("values")) is not None:
            kind = self._enum(name, values, options, comment, attributes)
        elif (members := options.take("union")) is not None:
            kind = union(name, self._members(members, options), comment=comment, attributes=attributes)
        else:
            kind = self._struct(name, options, comment, attributes)
        options.finish()
        return kind

    def _alias(
        self, name: str, text: object, options: Options, comment: str, attributes: tuple[iec.Attribute, ...]
    ) -> iec.IecType:
        target = self.parse(text, options.where, encoding_of(attributes))
        low, high = options.take("low"), options.take("high")
        if not all(bound is None or (isinstance(bound, int) and not isinstance(bound, bool)) for bound in (low, high)):
            options.fault("low and high have to be whole numbers")
            low = high = None
        return iec.AliasType(name, target, _int(low), _int(high), comment, attributes)

    def _enum(
        self, name: str, values: object, options: Options, comment: str, attributes: tuple[iec.Attribute, ...]
    ) -> iec.IecType:
        base = iec.resolve(self.parse(options.take("base") or "INT", options.where))
        bounds = range_of(base)
        if not isinstance(base, iec.ElementaryType) or bounds is None or base.kind in NOT_WHOLE:
            options.fault(f"base has to be an integer type, not {base.name}")
            return iec.OpaqueType(name, 0)
        pairs = dict(zip(values, range(len(values)), strict=True)) if isinstance(values, list) else values
        numbers: list[tuple[str, int]] = []
        for key, number in pairs.items() if isinstance(pairs, Mapping) else ():
            if isinstance(number, int) and not isinstance(number, bool) and bounds[0] <= number <= bounds[1]:
                numbers.append((str(key), number))
            else:
                options.fault(f"{key}: {number!r} is no {base.name}")
        if not isinstance(pairs, Mapping) or not pairs:
            options.fault("values has to be a table like { Off = 0, On = 1 }")
        return iec.EnumType(name, tuple(numbers), base, comment, attributes)

    def _struct(
        self, name: str, options: Options, comment: str, attributes: tuple[iec.Attribute, ...]
    ) -> iec.StructType:
        pack = options.whole("pack_mode", 8)
        if pack not in _PACK_MODES:
            options.fault("pack_mode has to be 1, 2, 4 or 8")
            pack = 8
        elif pack != 8:
            attributes = (*attributes, iec.Attribute("pack_mode", str(pack)))
        extends = options.take("extends")
        base = self.parse(extends, options.where) if extends is not None else None
        if base is not None and not isinstance(base, iec.StructType):
            options.fault(f"{base.name} is no structure that could be extended")
            base = None
        own = self._methods(name, options.take("methods") or {}, options.where)
        return structure(
            name,
            self._members(options.take("members") or {}, options),
            pack_bytes=pack,
            base=base,
            comment=comment,
            attributes=attributes,
            methods=(*own, *self._inherited(name, base, own)),
        )

    def _members(self, given: object, options: Options) -> list[iec.Member]:
        if not isinstance(given, Mapping):
            options.fault('members has to be a table like { x = "INT" }')
            return []
        members: list[iec.Member] = []
        seen: set[str] = set()
        for name, spec in given.items():
            inner = Options(
                spec if isinstance(spec, Mapping) else {"type": spec}, f"{options.where}.{name}", self.faults
            )
            comment, attributes = inner.text("comment"), _attributes(inner)
            kind = self.parse(inner.take("type"), inner.where, encoding_of(attributes))
            inner.finish()
            if name.lower() in seen:
                inner.fault("is there twice")
            seen.add(name.lower())
            members.append(iec.Member(name, kind, 0, None, comment, attributes))
        return members

    def _methods(self, block: str, given: object, where: str) -> tuple[iec.Method, ...]:
        methods: list[iec.Method] = []
        for name, spec in given.items() if isinstance(given, Mapping) else ():
            options = Options(spec if isinstance(spec, Mapping) else {}, f"{where}.methods.{name}", self.faults)
            parameters = [
                iec.Parameter(member.name, member.type, passing, member.comment)
                for passing in iec.Passing
                for member in self._members(options.take(_PARAMETERS[passing]) or {}, options)
            ]
            returns = options.take("returns")
            kind = self.parse(returns, options.where) if returns is not None else None
            method = iec.Method(name, kind, tuple(parameters), options.text("comment"))
            self.methods[f"{block}#{name}"] = self._served(method, options)
            options.finish()
            methods.append(method)
        return tuple(methods)

    def _inherited(self, block: str, base: iec.StructType | None, own: tuple[iec.Method, ...]) -> list[iec.Method]:
        """The base's methods that are not overridden; what serves them serves them here, too."""
        overridden = {method.name.lower() for method in own}
        kept = [method for method in (base.methods if base else ()) if method.name.lower() not in overridden]
        for method in kept:
            served = self.methods.get(f"{base.name}#{method.name}") if base else None
            if served is not None:
                self.methods[f"{block}#{method.name}"] = served
        return kept

    def _served(self, method: iec.Method, options: Options) -> Call:
        """A method that always gives what the description says. Its outputs are zero where that says nothing."""
        result, given = options.take("result"), options.take("results") or {}
        outputs = {one.name: one.type for one in method.parameters if one.passing is not iec.Passing.IN}
        values: dict[str, object] = {}
        for name, value in given.items() if isinstance(given, Mapping) else ():
            if name in outputs:
                values[name] = _checked(outputs[name], value, options)
            else:
                options.fault(f"there is no output {name}")
        if result is not None:
            if method.returns is None:
                options.fault("a result needs a type that the method returns")
            else:
                result = _checked(method.returns, result, options)
        answer = Returned(result, values)

        def call(instance: str, inputs: dict[str, Value]) -> Returned:
            del instance, inputs
            return answer

        return call


_PARAMETERS = {iec.Passing.IN: "inputs", iec.Passing.OUT: "outputs", iec.Passing.IN_OUT: "in_outs"}


def encoding_of(attributes: tuple[iec.Attribute, ...]) -> iec.Encoding:
    """Of STRINGs with these attributes: 1252, unless `TcEncoding` says UTF-8."""
    told = any(one.name.lower() == "tcencoding" and one.value.upper() == "UTF-8" for one in attributes)
    return iec.Encoding.UTF_8 if told else iec.Encoding.CP1252


def attributes_of(given: object) -> tuple[iec.Attribute, ...]:
    """From a table of names and texts."""
    return (
        tuple(iec.Attribute(str(name), str(value)) for name, value in given.items())
        if isinstance(given, Mapping)
        else ()
    )


def _attributes(options: Options) -> tuple[iec.Attribute, ...]:
    given = options.take("attributes")
    if given is not None and not isinstance(given, Mapping):
        options.fault('attributes has to be a table like { TcEncoding = "UTF-8" }')
    return attributes_of(given)


def _checked(kind: iec.IecType, value: object, options: Options) -> object:
    try:
        value = parse(kind, value) if isinstance(value, str) else value
        encode(kind, value)
    except BadRequest as fault:
        options.fault(str(fault))
        return None
    return value


def _int(value: object) -> int | None:
    return value if isinstance(value, int) else None
