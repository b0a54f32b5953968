"""Random Structured Text: types, literals, and the places that a type offers."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

SIGNED = ("SINT", "INT", "DINT", "LINT")
UNSIGNED = ("USINT", "UINT", "UDINT", "ULINT")
INTEGERS = SIGNED + UNSIGNED
BITS = ("BYTE", "WORD", "DWORD", "LWORD")
FLOATS = ("REAL", "LREAL")
DURATIONS = ("TIME", "LTIME")
DATES = ("DATE", "TOD", "DT", "LDATE", "LTOD", "LDT")
SCALARS = ("BOOL", *INTEGERS, *BITS, *FLOATS, *DURATIONS, *DATES)
NUMBERS = INTEGERS + BITS + FLOATS
WIDTH = {name: 8 << n for names in (SIGNED, UNSIGNED, BITS) for n, name in enumerate(names)}


@dataclass(frozen=True, slots=True)
class Scalar:
    """An elementary type, or an enumeration (`members`; `base` is then what its values are)."""

    name: str
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Text:
    """STRING or WSTRING."""

    length: int
    wide: bool = False

    @property
    def name(self) -> str:
        return f"{'W' if self.wide else ''}STRING({self.length})"


@dataclass(frozen=True, slots=True)
class Array:
    """dimensions: (low, high)."""

    element: Kind
    dimensions: tuple[tuple[int, int], ...]

    @property
    def name(self) -> str:
        return f"ARRAY[{', '.join(f'{low}..{high}' for low, high in self.dimensions)}] OF {self.element.name}"


@dataclass(frozen=True, slots=True)
class Struct:
    """STRUCT or UNION: its fields."""

    name: str
    fields: tuple[tuple[str, Kind], ...]


@dataclass(frozen=True, slots=True)
class Pointer:
    """POINTER TO or REFERENCE TO a scalar or structure."""

    target: Kind
    reference: bool = False

    @property
    def name(self) -> str:
        return f"{'REFERENCE' if self.reference else 'POINTER'} TO {self.target.name}"


@dataclass(frozen=True, slots=True)
class Method:
    """A method of one scalar parameter list and a scalar result."""

    name: str
    parameters: tuple[tuple[str, Scalar], ...]
    result: Scalar


@dataclass(slots=True)
class Block:
    """A function block. Fields of its bases included; methods by name."""

    name: str
    base: Block | None = None
    inputs: list[tuple[str, Kind]] = field(default_factory=list)
    outputs: list[tuple[str, Kind]] = field(default_factory=list)
    in_outs: list[tuple[str, Kind]] = field(default_factory=list)
    own: list[tuple[str, Kind]] = field(default_factory=list)
    properties: list[tuple[str, Scalar]] = field(default_factory=list)
    methods: list[Method] = field(default_factory=list)
    interface: Interface | None = None

    def __hash__(self) -> int:
        return id(self)

    def below(self, other: Block) -> bool:
        return self is other or (self.base is not None and self.base.below(other))


@dataclass(frozen=True, slots=True)
class Interface:
    """An interface: its methods."""

    name: str
    methods: tuple[Method, ...]


Kind = Scalar | Text | Array | Struct | Pointer | Block | Interface

BOOL = Scalar("BOOL")


@dataclass(frozen=True, slots=True)
class Index:
    """Where an index has to be written, and within which bounds."""

    dimensions: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Leaf:
    """A place: pieces of its name, with holes for indices. is_property: read and assigned, but in no memory."""

    pieces: tuple[str | Index, ...]
    kind: Kind
    writable: bool = True
    lasting: bool = True  # whether its address may be kept
    is_property: bool = False


def leaves(name: str, kind: Kind, writable: bool = True, lasting: bool = True) -> list[Leaf]:
    """The variable itself and everything in it that has a name."""
    return _leaves((name,), kind, writable, lasting)


def _leaves(pieces: tuple[str | Index, ...], kind: Kind, writable: bool, lasting: bool) -> list[Leaf]:
    here = [Leaf(pieces, kind, writable, lasting)]
    match kind:
        case Array():
            return here + _leaves((*pieces, Index(kind.dimensions)), kind.element, writable, lasting)
        case Struct():
            inner = [(field, of, writable) for field, of in kind.fields]
        case Block():
            inner = [(field, of, True) for field, of in kind.inputs] + [
                (field, of, False) for field, of in kind.outputs
            ]
            here += [Leaf((*pieces, f".{name}"), of, writable, False, True) for name, of in kind.properties]
        case _:
            return here
    for field_name, of, may_write in inner:
        here += _leaves((*pieces, f".{field_name}"), of, may_write and writable, lasting)
    return here


# ------------------------------------------------------------------------------------------------------- literals


def limits(name: str) -> tuple[int, int]:
    """Smallest and largest value of an integer or bit string type."""
    bits = WIDTH[name]
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if name in SIGNED else (0, (1 << bits) - 1)


def literal(dice: Random, kind: Scalar) -> str:
    """A constant of the type, often at an edge."""
    if kind.members:
        return f"{kind.name}.{dice.choice(kind.members)}"
    name = kind.name
    if name == "BOOL":
        return dice.choice(("TRUE", "FALSE"))
    if name in WIDTH:
        low, high = limits(name)
        near = (low, high, 0, 1, 2, 3, 7, 100, min(high, 250))
        number = dice.randint(low, high) if dice.random() < 0.4 else dice.choice(near)
        if name in SIGNED and dice.random() < 0.3:
            number = -min(high, abs(number))
        base = f"16#{number:X}" if number >= 0 and dice.random() < 0.3 else str(number)
        return f"{name}#{base}"
    if name in FLOATS:
        number = dice.choice(("0.0", "1.0", "-1.0", "0.5", "2.5", "-3.25", "100.125", "1.0e6", "-2.5e-3", "12345.678"))
        return f"{name}#{number}"
    if name == "TIME":
        return f"T#{dice.choice((0, 1, 10, 999, 1000, 3600000, 4294967295))}ms"
    if name == "LTIME":
        return f"LTIME#{dice.choice((0, 1, 1000, 123456789))}{dice.choice(('ns', 'us', 'ms'))}"
    return _date(dice, name)


def _date(dice: Random, name: str) -> str:
    day = f"{dice.choice((1970, 2000, 2024, 2077))}-{dice.choice(('01', '02', '12'))}-{dice.choice(('01', '28'))}"
    hour = f"{dice.choice(('00', '12', '23'))}:{dice.choice(('00', '59'))}:{dice.choice(('00', '30', '59'))}"
    prefix = {"DATE": "D", "TOD": "TOD", "DT": "DT", "LDATE": "LDATE", "LTOD": "LTOD", "LDT": "LDT"}[name]
    if name in ("DATE", "LDATE"):
        return f"{prefix}#{day}"
    return f"{prefix}#{hour}" if name in ("TOD", "LTOD") else f"{prefix}#{day}-{hour}"


def text_literal(dice: Random, kind: Text) -> str:
    """Letters, an escape now and then, sometimes one more than there is room for."""
    letters = "".join(dice.choice("abcXYZ019 _-") for _ in range(dice.randint(0, min(kind.length, 8))))
    if dice.random() < 0.15 and len(letters) < kind.length:
        letters += "$N" if not kind.wide else "$00E4"
    return f'"{letters}"' if kind.wide else f"'{letters}'"
