"""`dinrail vbios`: get a card's VBIOS, look into it, and learn who would run it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dinrail.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dinrail.clock import Clock
    from dinrail.errors import FormatError
    from dinrail.finding import Finding
    from dinrail.host.paths import Paths
    from dinrail.host.port import HostPort
    from dinrail.machine.facts import PciFunction, PciIds
    from dinrail.vbios.provenance import Provenance
    from dinrail.vbios.rom import Rom
    from dinrail.vbios.verdict import Verdict

_METHOD = "sysfs-rom"
_File = Annotated[Path, typer.Argument(metavar="FILE", help="An option ROM file.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="A card's VBIOS: extract | show | check.", no_args_is_help=True)
    group.command("show")(show)
    group.command("check")(check)
    group.command("extract")(extract)
    app.add_typer(group, name="vbios")


def show(context: typer.Context, file: _File) -> None:
    """Show a ROM's images, ids and checksums, and where it came from. Exit code 1 when it is damaged."""
    from dinrail.vbios.rom import survey_rom

    rom, fault = survey_rom(_read(file), origin=str(file))
    if Session.of(context).as_json:
        from dinrail.cli.output import print_json

        print_json(_rom_facts(rom, fault) | {"provenance": _provenance_facts(_provenance_of(file, rom))})
    else:
        _print_rom(rom, _provenance_of(file, rom))
    if fault is not None:
        _end_damaged(context, fault)


def check(
    context: typer.Context,
    file: _File,
    device: Annotated[
        str | None, typer.Option("--device", metavar="VVVV:DDDD", help="Judge it for a card with these ids.")
    ] = None,
    subsystem: Annotated[
        str | None, typer.Option("--subsystem", metavar="VVVV:DDDD", help="The card's subsystem ids (with --device).")
    ] = None,
    bdf: Annotated[
        str | None, typer.Option("--for", metavar="BDF", help="Judge it for this device of the host.")
    ] = None,
) -> None:
    """Would it run, and is it the card's? One verdict per consumer; exit code 1 when something blocks."""
    from dinrail.finding import blocking
    from dinrail.vbios.identity import identity
    from dinrail.vbios.rom import survey_rom
    from dinrail.vbios.verdict import judge, judge_whole

    ids, subject = _asked(Session.of(context), device, subsystem, bdf)
    rom, fault = survey_rom(_read(file), origin=str(file))
    verdicts = judge(rom, ids)
    findings = judge_whole(rom, fault, verdicts)
    if ids is not None and rom.images:
        findings += identity(rom, ids, subject=subject)
    is_good = not blocking(findings)
    if Session.of(context).as_json:
        from dinrail.cli.output import print_json

        judged = {"device": ids.pair if ids else None, "ok": is_good, "verdicts": verdicts, "findings": findings}
        print_json(_rom_facts(rom, fault) | judged)
    else:
        _print_verdicts(verdicts, findings, is_good=is_good)
    if not is_good:
        raise typer.Exit(1)


def extract(
    context: typer.Context,
    bdf: Annotated[str, typer.Argument(metavar="BDF", help="The card: `01:00.0`.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where it goes; else VVVV-DDDD-SHA.rom, here.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help='Also keep it for guests with `rom = "auto"`.')] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that holds something else.")] = False,
) -> None:
    """Read a card's ROM through the system, check that it is whole, and write it with its provenance beside it."""
    from dinrail.host.paths import Paths
    from dinrail.system_clock import SystemClock

    session = Session.of(context)
    path, rom, note = extract_to(
        session.host(), Paths.default(), SystemClock(), bdf, output=output, keep=keep, force=force
    )
    if session.as_json:
        from dinrail.cli.output import print_json

        print_json({"file": str(path)} | _rom_facts(rom, None) | {"provenance": _provenance_facts(note)})
        return
    _print_rom(rom, note)
    typer.echo(f"written to {path}, with {path.name}.json beside it" + (", and kept for guests" if keep else ""))


def extract_to(
    port: HostPort,
    paths: Paths,
    clock: Clock,
    bdf: str,
    *,
    output: Path | None,
    keep: bool,
    force: bool,
) -> tuple[Path, Rom, Provenance]:
    """The whole of `dinrail vbios extract` but its words. Raises Refused, BadRequest, HostError, FormatError."""
    from dinrail.errors import Refused
    from dinrail.host.journal import open_journal
    from dinrail.host.lease import Leases
    from dinrail.host.rom import extract as read_through_system
    from dinrail.host.store import RomStore, keep_beside
    from dinrail.machine.read import read_facts
    from dinrail.machine.sources import Topic
    from dinrail.vbios.provenance import provenance, to_json
    from dinrail.vbios.rom import read_rom

    if not port.is_live:
        raise Refused(
            "an archive holds no ROMs", where=port.label, why="reading a ROM changes the machine for a moment"
        )
    facts = read_facts(port.fetch((Topic.PCI, Topic.KERNEL)))
    function = _function(facts.functions, bdf)
    with Leases(paths.leases, clock).take(function.address, owner="vbios extract"):
        data = read_through_system(port, open_journal(paths, port, clock), function)
    rom = read_rom(data, origin=str(function.address))
    kernel = facts.kernel.release if facts.kernel else ""
    note = provenance(rom, function, method=_METHOD, kernel=kernel, wall_ns=clock.wall_ns())
    text = to_json(note).decode()
    path = output or Path(f"{function.ids.pair.replace(':', '-')}-{rom.sha256[:8]}.rom")
    _guard_other_file(path, data, force=force)
    keep_beside(path.absolute(), data, text)
    if keep:
        RomStore(paths.roms).keep(function.ids, data, text)
    return path, rom, note


def _guard_other_file(path: Path, data: bytes, *, force: bool) -> None:
    from dinrail.errors import BadRequest, Refused

    if path.is_dir():
        raise BadRequest("is a directory", where=str(path), hint="name a file with --output")
    if path.exists() and not force and _read(path) != data:
        raise Refused(
            "the file is there and holds something else",
            where=str(path),
            why="it may be the only copy of another ROM",
            hint="choose another name with --output, or insist with --force",
        )


def _read(file: Path) -> bytes:
    """The file's bytes, as many as any ROM can have. Raises BadRequest where there is no such file, HostError."""
    from dinrail.errors import BadRequest
    from dinrail.files import read_file
    from dinrail.host.store import MAX_ROM_BYTES

    if not file.is_file():
        what = "is no regular file" if file.exists() else "there is no such file"
        raise BadRequest(what, where=str(file), hint="name a ROM file, as `dinrail vbios extract` writes them")
    return read_file(file, max_bytes=MAX_ROM_BYTES)


def _asked(session: Session, device: str | None, subsystem: str | None, bdf: str | None) -> tuple[PciIds | None, str]:
    """The ids that the ROM is judged for (None: nobody's), and how messages name their card."""
    from dinrail.errors import BadRequest
    from dinrail.machine.facts import PciIds
    from dinrail.machine.sources import Topic

    if bdf is not None:
        if device is not None or subsystem is not None:
            raise BadRequest("--for and --device exclude each other", hint="--for reads the ids from the host")
        function = _function(session.facts(Topic.PCI).functions, bdf)
        return function.ids, str(function.address)
    if device is None:
        if subsystem is not None:
            raise BadRequest("--subsystem needs --device", hint="name the card's own ids, too")
        return None, ""
    board = _id_pair("--subsystem", subsystem) if subsystem is not None else (0, 0)
    return PciIds(*_id_pair("--device", device), *board, class_code=0, revision=0), "card"


def _id_pair(option: str, text: str) -> tuple[int, int]:
    import re

    from dinrail.errors import BadRequest

    match = re.fullmatch(r"(?:0x)?([0-9a-fA-F]{4}):(?:0x)?([0-9a-fA-F]{4})", text.strip())
    if match is None:
        raise BadRequest(f"{text!r} is no pair of ids", where=option, hint="write it as `lspci -n` does: `10de:1b80`")
    return int(match[1], 16), int(match[2], 16)


def _function(functions: Iterable[PciFunction], bdf: str) -> PciFunction:
    from dinrail.errors import BadRequest
    from dinrail.pci.address import PciAddress

    address = PciAddress.parse(bdf)
    found = next((function for function in functions if function.address == address), None)
    if found is None:
        raise BadRequest(f"no such device here: {address}", hint="choose one that `dinrail pci` lists")
    return found


def _provenance_of(file: Path, rom: Rom) -> Provenance | None:
    """The provenance beside a file, None where there is none that is whole and describes these bytes."""
    from dinrail.errors import DinrailError
    from dinrail.files import read_file
    from dinrail.host.store import note_path
    from dinrail.vbios.provenance import MAX_BYTES, describes, from_json

    note = note_path(file)
    if not note.is_file():
        return None
    try:
        found = from_json(read_file(note, max_bytes=MAX_BYTES), where=str(note))
    except DinrailError as fault:
        typer.echo(f"dinrail: {fault}: not used", err=True)
        return None
    if not describes(found, rom):
        typer.echo(f"dinrail: {note}: describes other bytes: not used", err=True)
        return None
    return found


def _rom_facts(rom: Rom, fault: FormatError | None) -> dict[str, object]:
    from dinrail.vbios.rom import pair, summarise
    from dinrail.vbios.strings import read_text

    return {
        "origin": rom.origin,
        "size_bytes": len(rom.data),
        "sha256": rom.sha256,
        "device_ids": [pair(*ids) for ids in rom.device_ids],
        "images": [summarise(image) for image in rom.images],
        "trailing_bytes": rom.trailing_bytes,
        "text": read_text(rom),
        "fault": fault.as_dict() if fault else None,
    }


def _provenance_facts(note: Provenance | None) -> object:
    import json

    from dinrail.vbios.provenance import to_json

    return json.loads(to_json(note)) if note is not None else None


def _end_damaged(context: typer.Context, fault: FormatError) -> None:
    """The fault as the command's end; its JSON is already out, as a field of the document."""
    if Session.of(context).as_json:
        typer.echo("dinrail: " + "\n".join(fault.lines()), err=True)
        raise typer.Exit(fault.exit_code)
    raise fault


def _print_rom(rom: Rom, note: Provenance | None) -> None:
    from rich.table import Table
    from rich.text import Text

    from dinrail.cli.output import console
    from dinrail.units import format_size
    from dinrail.vbios.rom import summarise

    out = console()
    out.print(f"{rom.origin}: {len(rom.data)} bytes, sha256 {rom.sha256}", markup=False, soft_wrap=True)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("image", "offset", "size", "kind", "ids", "class", "revision", ""):
        table.add_column(heading, justify="right" if heading in ("image", "offset", "size") else "left")
    for s in map(summarise, rom.images):
        ids = " ".join(s.ids[:4]) + (f" and {len(s.ids) - 4} more" if len(s.ids) > 4 else "")
        size, place = format_size(s.size_bytes), f"{s.offset:#x}"
        row = (str(s.index), place, size, s.kind, ids, s.class_code, f"{s.code_revision:#x}", s.detail)
        table.add_row(*map(Text, row))
    if rom.images:
        out.print(table)
    for line in _remarks(rom, note):
        out.print(line, markup=False, soft_wrap=True)


def _remarks(rom: Rom, note: Provenance | None) -> list[str]:
    from dinrail.vbios.rom import pair
    from dinrail.vbios.strings import read_text

    lines = []
    if (text := read_text(rom)) is not None:
        board = f"board {pair(*text.subsystem)}" if text.subsystem else ""
        words = (text.part_number, text.version, text.date, board)
        lines.append(f"{text.vendor}: " + ", ".join(word for word in words if word))
    if rom.trailing_bytes:
        lines.append(f"{rom.trailing_bytes} bytes behind the last whole image")
    if note is not None:
        card = f"{pair(*note.device)} (subsystem {pair(*note.subsystem)})"
        lines.append(f"read from {note.address}, {card}, by {note.method} on {note.taken_at}")
    return lines


def _print_verdicts(verdicts: tuple[Verdict, ...], findings: tuple[Finding, ...], *, is_good: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    from dinrail.cli.output import console, print_findings

    out = console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("consumer", "verdict", "image", ""):
        table.add_column(heading)
    for v in verdicts:
        image = "-" if v.image is None else str(v.image)
        row = (v.consumer.full_name, v.outcome.value, image, v.sentence)
        table.add_row(*map(Text, row), style=None if v.uses else "yellow")
    out.print(table)
    every = dict.fromkeys((*findings, *(finding for v in verdicts for finding in v.findings)))
    print_findings(tuple(every), out=out)
    out.print("the ROM can be given to a guest" if is_good else "the ROM is refused, see above", style="bold")
