"""`dinrail ads symbols`, `types`: what a device has, by name, with types and comments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dinrail.cli import ads_options as opt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.tree import Tree

    from dinrail.ads.client.connection import AdsClient
    from dinrail.ams.address import AmsAddr
    from dinrail.iec.symbol import Symbol
    from dinrail.iec.types import IecType

MAX_LISTED = 100_000
"""An array of structures has many elements; a list of more helps nobody."""
_Pattern = Annotated[str, typer.Argument(metavar="[PATTERN]", help="Only these: `MAIN.*`, `*.fb?[1]*`, in any case.")]


def register(group: typer.Typer) -> None:
    group.command("symbols", epilog="Example: dinrail ads symbols 'MAIN.*' --tree --to 192.168.0.231")(symbols)
    group.command("types", epilog="Example: dinrail ads types 'ST_*' --members")(types)


def symbols(
    context: typer.Context,
    pattern: _Pattern = "*",
    tree: Annotated[bool, typer.Option("--tree", help="Draw them as a tree of their names.")] = False,
    members: Annotated[bool, typer.Option("--members", help="List members and elements, too.")] = False,
    to: opt.To = opt.DEFAULT_TO,
    net_id: opt.TargetNetId = None,
    port: opt.TargetPort = opt.DEFAULT_PORT,
    timeout: opt.Patience = opt.DEFAULT_TIMEOUT,
    own_net_id: opt.OwnNetId = None,
) -> None:
    """List a device's variables: name, type, address, comment."""
    from dinrail.cli.output import console, print_json

    where = opt.Where.of(context, to, net_id, port, timeout, own_net_id)
    found = _matching(where.ask(_symbols), pattern, members=members)
    if where.as_json:
        print_json([_as_dict(one) for one in found])
    elif tree:
        console().print(_tree(found))
    else:
        rows = [
            (one.name, one.type.name, f"{one.group:#x}:{one.offset}", _marks(one), first_line(one.comment))
            for one in found
        ]
        opt.show_table(("name", "type", "address", "", "comment"), rows)


async def _symbols(client: AdsClient, target: AmsAddr) -> tuple[Symbol, ...]:
    from dinrail.ads.client.symbols import SymbolClient

    return await SymbolClient(client, target).symbols()


def matches(pattern: str, name: str) -> bool:
    """Shell patterns in any case. Brackets are those of array elements, not of sets."""
    from fnmatch import fnmatchcase

    return fnmatchcase(name.lower(), pattern.lower().replace("[", "[[]"))


def _matching(all_of_them: Sequence[Symbol], pattern: str, *, members: bool) -> list[Symbol]:
    """Those that fit; of each variable's members and elements no more than `MAX_LISTED` are looked at."""
    import sys
    from itertools import islice

    from dinrail.ads.client.unfold import unfold

    found: list[Symbol] = []
    for symbol in all_of_them:
        inside = list(islice(unfold(symbol), MAX_LISTED + 1)) if members else [symbol]
        if len(inside) > MAX_LISTED:
            sys.stderr.write(f"dinrail: {symbol.name} has more than {MAX_LISTED} members; the rest is left out\n")
        found += [one for one in inside[:MAX_LISTED] if matches(pattern, one.name)]
    return found


def _marks(one: Symbol) -> str:
    marks = (("read-only", one.read_only), ("persistent", one.persistent), ("static", one.is_static))
    return " ".join(mark for mark, held in marks if held)


def first_line(comment: str) -> str:
    """A comment in a table: its first line."""
    return comment.strip().partition("\n")[0].strip()


def _as_dict(one: Symbol) -> dict[str, object]:
    return {
        "name": one.name,
        "type": one.type.name,
        "group": one.group,
        "offset": one.offset,
        "size_bytes": one.type.size_bytes,
        "comment": one.comment,
        "read_only": one.read_only,
        "persistent": one.persistent,
        "static": one.is_static,
        "attributes": {attribute.name: attribute.value for attribute in one.attributes},
    }


def _tree(found: Sequence[Symbol]) -> Tree:
    from rich.text import Text
    from rich.tree import Tree

    root = Tree(Text(f"{len(found)} symbols"))
    branches: dict[str, Tree] = {"": root}
    for one in found:
        parent = ""
        steps = one.name.replace("[", ".[").split(".")
        for depth, step in enumerate(steps):
            path = f"{parent}.{step}"
            if path not in branches:
                last = depth == len(steps) - 1
                label = Text(step, style="" if last else "bold")
                if last:
                    label.append(f"  {one.type.name}", style="cyan")
                    label.append(f"  {first_line(one.comment)}".rstrip(), style="dim")
                branches[path] = branches[parent].add(label)
            parent = path
    return root


def types(
    context: typer.Context,
    pattern: _Pattern = "*",
    members: Annotated[bool, typer.Option("--members", help="List members, values and methods of each.")] = False,
    to: opt.To = opt.DEFAULT_TO,
    net_id: opt.TargetNetId = None,
    port: opt.TargetPort = opt.DEFAULT_PORT,
    timeout: opt.Patience = opt.DEFAULT_TIMEOUT,
    own_net_id: opt.OwnNetId = None,
) -> None:
    """List a device's data types with their sizes and comments; with --members what they are made of."""
    from dinrail.cli.output import console, print_json

    where = opt.Where.of(context, to, net_id, port, timeout, own_net_id)
    found = [one for one in where.ask(_types) if matches(pattern, one.name)]
    told = [(one, kind_of(one), first_line(getattr(one, "comment", ""))) for one in found]
    if where.as_json:
        print_json(
            [
                {
                    "name": one.name,
                    "kind": kind,
                    "size_bytes": one.size_bytes,
                    "comment": getattr(one, "comment", ""),
                    "parts": [{"name": name, "is": text, "comment": comment} for name, text, comment in parts_of(one)],
                }
                for one, kind, _ in told
            ]
        )
    elif not members:
        rows = [(one.name, kind, str(one.size_bytes), comment) for one, kind, comment in told]
        opt.show_table(("name", "kind", "bytes", "comment"), rows, right=("bytes",))
    else:
        out = console()
        for one, kind, comment in told:
            out.print(f"{one.name} : {kind}, {one.size_bytes} bytes  {comment}".rstrip(), markup=False, style="bold")
            for name, text, note in parts_of(one):
                out.print(f"  {name:<24} {text:<32} {first_line(note)}".rstrip(), markup=False)


async def _types(client: AdsClient, target: AmsAddr) -> list[IecType]:
    from dinrail.ads.client.lookup import Lookup

    return await Lookup(client, target).all_types()


def kind_of(one: IecType) -> str:
    """What a type is, in a word or as what it is made of."""
    from dinrail.iec import types as iec

    match one:
        case iec.StructType():
            return "FUNCTION_BLOCK" if one.methods else "STRUCT"
        case iec.EnumType():
            return f"ENUM {one.base.name}"
        case iec.AliasType():
            subrange = f" ({one.low}..{one.high})" if one.low is not None and one.high is not None else ""
            return f"{one.target.name}{subrange}"
        case iec.OpaqueType():
            return "unknown"
        case _:
            return one.name


def parts_of(one: IecType) -> list[tuple[str, str, str]]:
    """(name, what it is, comment) of members, values, methods."""
    from dinrail.ads.client.calls import signature
    from dinrail.iec import types as iec

    if isinstance(one, iec.EnumType):
        return [(name, str(value), "") for name, value in one.values]
    if not isinstance(one, iec.StructType):
        return []
    found = []
    for member in one.members:
        bit = "" if member.bit is None else f".{member.bit}"
        found.append((member.name, f"{member.type.name} @ {member.offset_bytes}{bit}", member.comment))
    return found + [(method.name, f"METHOD {signature(method)}", method.comment) for method in one.methods]
