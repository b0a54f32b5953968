"""Random Structured Text: many programs in one application, so that what a compiler costs is shared."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from plc_oracle_st_library import COUNTERS, Library, Piece, make_library
from plc_oracle_st_statements import Author, Node
from plc_oracle_st_types import Array, Block, Kind, Leaf, Pointer, Scalar, Text


def _block(name: str, inputs: str, outputs: str) -> Block:
    """`BOOL IN, TIME PT` and so on."""
    pairs = [[tuple(part.split()) for part in text.split(", ")] for text in (inputs, outputs)]
    read = [[(name, Scalar(kind)) for kind, name in each] for each in pairs]
    return Block(name, inputs=list(read[0]), outputs=list(read[1]))


LIBRARY_BLOCKS = [
    *(_block(name, "BOOL IN, TIME PT", "BOOL Q, TIME ET") for name in ("TON", "TOF", "TP")),
    *(_block(name, "BOOL IN, LTIME PT", "BOOL Q, LTIME ET") for name in ("LTON", "LTOF", "LTP")),
    _block("CTU", "BOOL CU, BOOL RESET, WORD PV", "BOOL Q, WORD CV"),
    _block("R_TRIG", "BOOL CLK", "BOOL Q"),
    _block("SR", "BOOL SET1, BOOL RESET", "BOOL Q1"),
]


class Dice(Random):
    """Equal seeds, equal programs."""


@dataclass(slots=True)
class Batch:
    """One application: the library's pieces, and programs P0, P1..."""

    seed: int
    tame: bool
    library: Library
    programs: list[Piece] = field(default_factory=list)

    def text(self) -> str:
        return "\n".join(piece.text() for piece in [*self.library.pieces, *self.programs])


def _variables(library: Library, size: int) -> list[tuple[str, Kind]]:
    dice = library.dice
    kinds: list[Kind] = [library.any_kind() for _ in range(size)]
    kinds += [Scalar("BOOL"), Scalar("INT"), Scalar("DINT"), Scalar("DINT"), Text(10)]
    kinds += [dice.choice(library.kinds) for _ in range(2)]
    kinds.append(Array(library.scalar(), ((1, 4),)))
    out = [(f"v{n}", kind) for n, kind in enumerate(kinds)]
    if library.blocks:
        chosen = [dice.choice(library.blocks) for _ in range(3)]
        out += [(f"fb{n}", block) for n, block in enumerate(chosen)]
        out += [("pb", Pointer(chosen[0])), ("rb", Pointer(chosen[1], reference=True))]
        out += [("itf", library.interfaces[0])]
        out += [("many", Array(dice.choice(library.blocks), ((0, 2),)))]
    out += [(f"open{n}", array) for n, array in enumerate(library.open_arrays) if dice.random() < 0.5]
    if "library" not in library.without:
        out.append(("fbt", dice.choice(LIBRARY_BLOCKS)))
    scalars = [kind for _, kind in out if isinstance(kind, Scalar) and not kind.members]
    out += [("p0", Pointer(dice.choice(scalars))), ("r0", Pointer(dice.choice(scalars), reference=True))]
    return [(name, kind) for name, kind in out if not (isinstance(kind, Pointer) and "pointers" in library.without)]


def make_program(library: Library, name: str, size: int) -> Piece:
    """One program of about `size` statements."""
    dice = library.dice
    scope = library.scope()
    variables = _variables(library, size)
    for variable, kind in variables:
        scope.declare(variable, kind)
    scope.references = [name for name, kind in variables if isinstance(kind, Pointer) and kind.reference]
    author = Author(scope, may_try=True)
    author.blocks = [(variable, kind) for variable, kind in variables if variable.startswith("fb")]  # type: ignore[misc]
    head: list[Node] = []
    for leaf in [leaf for leaf in scope.leaves if not isinstance(leaf.kind, Scalar)]:
        if len(leaf.pieces) > 1 or leaf.pieces[0] not in ("pb", "rb", "itf", "p0", "r0"):
            continue
        unset = not library.tame and dice.random() < 0.04
        node = None if unset else author.point(leaf)
        if node is not None:
            node.fixed = library.tame
            head.append(node)
        if node is not None or unset:
            _add_target(scope.leaves, leaf)
        else:
            scope.leaves.remove(leaf)
    lines = [f"PROGRAM {name}", "VAR", *(f"    {library.declaration(*one)}" for one in variables), *COUNTERS]
    if "new" not in library.without:
        lines.append("pn : POINTER TO DINT;")
    if "try" not in library.without:
        lines.append("code : DINT;")
    return Piece(name, [*lines, "END_VAR", [*head, *author.body(size)], "END_PROGRAM"])


def _add_target(leaves: list[Leaf], holder: Leaf) -> None:
    """What a pointer or reference to a scalar points to, as a place of its own."""
    kind = holder.kind
    if isinstance(kind, Pointer) and isinstance(kind.target, Scalar):
        name = holder.pieces[0]
        assert isinstance(name, str)
        leaves.append(Leaf((name if kind.reference else f"{name}^",), kind.target, lasting=False))


def make_batch(
    seed: int, programs: int = 100, size: int = 8, tame: bool = False, without: frozenset[str] = frozenset()
) -> Batch:
    """An application of that many programs. Each has a seed of its own, so that one alone is the same program."""
    library = make_library(Dice(seed), tame, without)
    batch = Batch(seed, tame, library)
    for number in range(programs):
        library.dice = Dice(seed * 1_000_003 + number + 1)
        batch.programs.append(make_program(library, f"P{number}", size))
    return batch
