"""`dinrail vbios`: show, check and extract."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import typer
from build_host import AMD_DGPU, DGPU, Machine
from build_rom import atom, efi, legacy, two_images
from click.testing import Result
from typer.testing import CliRunner

from dinrail.cli import vbios
from dinrail.errors import BadRequest, DinrailError, FormatError, HostError, Refused
from dinrail.host.lease import Leases
from dinrail.host.paths import Paths
from dinrail.host.rehearsal import RehearsedHost
from dinrail.machine.facts import HostFacts
from dinrail.machine.read import read_facts
from dinrail.machine.sources import Topic
from dinrail.pci.address import PciAddress
from dinrail.pci.rom_build import build

IDS = {"vendor_id": 0x1002, "device_id": 0x67DF}
BOARD = AMD_DGPU.functions[1].subsystem
CARD_ROM = build(atom(board=BOARD), efi(**IDS))


class LiveRehearsal(RehearsedHost):
    """A rehearsed host that lets itself be changed by commands, as this machine does."""

    @property
    def is_live(self) -> bool:
        return True


@dataclass
class OnHost:
    """A session on one host."""

    port: RehearsedHost
    as_json: bool = False

    def host(self) -> RehearsedHost:
        return self.port

    def facts(self, *topics: Topic) -> HostFacts:
        return read_facts(self.port.fetch(topics))


def rehearsed(machine: Machine = AMD_DGPU, rom: bytes = CARD_ROM, *, live: bool = True) -> RehearsedHost:
    kind = LiveRehearsal if live else RehearsedHost
    return kind(machine.raw(), label="a built host", roms={PciAddress.parse(DGPU): rom})


def run(*argv: str | Path, port: RehearsedHost | None = None, as_json: bool = False) -> Result:
    app = typer.Typer()
    vbios.register(app)
    app.command("other")(lambda: None)  # one command alone would swallow its own name
    session = OnHost(port or rehearsed(), as_json)
    return CliRunner().invoke(app, ["vbios", *map(str, argv)], obj=session)


def fault_of(result: Result) -> DinrailError:
    """The error that the program around the commands would print."""
    assert isinstance(result.exception, DinrailError), result.output
    return result.exception


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """dinrail's directories and the working directory, all of them empty."""
    monkeypatch.setenv("DINRAIL_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("DINRAIL_RUN", str(tmp_path / "run"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return Paths.default()


@pytest.fixture
def rom_file(tmp_path: Path) -> Path:
    path = tmp_path / "a[red]card.rom"
    path.write_bytes(two_images())
    return path


def test_show_lists_every_image(rom_file: Path) -> None:
    """Offset, size, kind, ids and checksum of each image stand in one line; brackets in names stay brackets."""
    result = run("show", rom_file)
    assert result.exit_code == 0
    assert "a[red]card.rom" in result.output
    first, second = (line for line in result.output.splitlines() if "1234:1111" in line)
    assert "checksum right" in first
    for word in ("efi", "1234:2222", "x64", "boot-service-driver"):
        assert word in second


def test_show_gives_programs_the_same_facts(rom_file: Path) -> None:
    """--json has ids as lspci spells them, offsets and sizes as numbers."""
    facts = json.loads(run("show", rom_file, as_json=True).output)
    assert facts["device_ids"] == ["1234:1111", "1234:2222"]
    assert [image["kind"] for image in facts["images"]] == ["x86", "efi"]
    assert facts["images"][1]["offset"] == facts["images"][0]["size_bytes"]
    assert (facts["fault"], facts["provenance"]) == (None, None)


def test_a_truncated_rom_shows_its_whole_images_and_names_what_it_lost(rom_file: Path) -> None:
    """show prints what is whole, then ends with the structure and field that the file lost."""
    rom_file.write_bytes(two_images()[:-1])
    result = run("show", rom_file)
    fault = fault_of(result)
    assert isinstance(fault, FormatError)
    assert (fault.structure, fault.field, fault.exit_code) == ("image 1", "code", 1)
    assert "1234:1111" in result.output
    as_json = run("show", rom_file, as_json=True)
    assert as_json.exit_code == 1
    assert json.loads(as_json.stdout)["fault"]["field"] == "code"


@pytest.mark.parametrize("command", ["show", "check"])
def test_a_file_that_is_not_there_is_a_wrong_request(command: str, tmp_path: Path) -> None:
    """A missing file and a directory exit 2."""
    for path in (tmp_path / "none.rom", tmp_path):
        assert isinstance(fault_of(run(command, path)), BadRequest)


def verdicts_of(facts: dict[str, Any]) -> dict[str, str]:
    return {verdict["consumer"]: verdict["outcome"] for verdict in facts["verdicts"]}


def test_check_has_a_verdict_for_every_consumer(rom_file: Path) -> None:
    """SeaBIOS, edk2 with and without Secure Boot, Linux and bhyve each have their line, and the card's ROM exits 0."""
    result = run("check", rom_file, "--device", "1234:1111")
    assert result.exit_code == 0
    for name in ("SeaBIOS", "edk2", "edk2, Secure Boot", "Linux", "bhyve"):
        assert any(line.startswith(name) for line in result.output.splitlines())
    facts = json.loads(run("check", rom_file, "--device", "0x1234:0x1111", as_json=True).output)
    assert facts["ok"] is True
    assert verdicts_of(facts) == {
        "seabios": "runs",
        "edk2": "runs",
        "edk2-secure-boot": "ignores",
        "linux": "reads",
        "bhyve": "runs",
    }


def test_check_refuses_a_foreign_rom_and_names_both_id_pairs(rom_file: Path) -> None:
    """Ids of another device exit 1; the ROM's pair and the card's are both in the output."""
    result = run("check", rom_file, "--device", "10de:1b80")
    assert result.exit_code == 1
    assert "the ROM is for 1234:1111, 1234:2222, the card is 10de:1b80" in result.output


def test_check_compares_boards_where_the_rom_names_its_board(tmp_path: Path) -> None:
    """--subsystem makes a ROM of another board a refusal."""
    path = tmp_path / "amd.rom"
    path.write_bytes(CARD_ROM)
    good = f"{BOARD[0]:04x}:{BOARD[1]:04x}"
    assert run("check", path, "--device", "1002:67df", "--subsystem", good).exit_code == 0
    assert run("check", path, "--device", "1002:67df", "--subsystem", "1043:0001").exit_code == 1
    assert run("check", path, "--device", "1002:67df").exit_code == 0


def test_check_takes_the_ids_from_a_device_of_the_host(tmp_path: Path, rom_file: Path) -> None:
    """--for compares with the ids that the host reads, and names the device's address."""
    path = tmp_path / "amd.rom"
    path.write_bytes(CARD_ROM)
    assert run("check", path, "--for", "0b:00.0").exit_code == 0
    result = run("check", rom_file, "--for", DGPU)
    assert result.exit_code == 1
    assert DGPU in result.output


def test_check_tells_of_damage_with_its_place(rom_file: Path) -> None:
    """A truncated ROM exits 1 and names structure and field; without any device asked for, too."""
    rom_file.write_bytes(two_images()[:700])
    result = run("check", rom_file)
    assert result.exit_code == 1
    assert "image 0, field 'code'" in result.output
    assert json.loads(run("check", rom_file, as_json=True).output)["fault"]["structure"] == "image 0"


@pytest.mark.parametrize(
    "options",
    [
        ("--device", "1234"),
        ("--device", "1234:11111"),
        ("--subsystem", "1af4:1100"),
        ("--for", DGPU, "--device", "1234:1111"),
        ("--for", "1f:00.0"),
        ("--for", "nonsense"),
    ],
)
def test_check_says_which_option_is_wrong(rom_file: Path, options: tuple[str, ...]) -> None:
    """Ids that are none, a board without a card, two sources of ids, and a device that is not there exit 2."""
    assert isinstance(fault_of(run("check", rom_file, *options)), BadRequest)


def test_extract_writes_rom_and_provenance_and_leaves_the_device_as_it_was(paths: Paths) -> None:
    """The file is named by ids and hash, its provenance says whose it is, and the ROM is off again."""
    port = rehearsed()
    before = port.raw
    result = run("extract", "0b:00.0", port=port)
    assert result.exit_code == 0, result.output
    (path,) = Path().glob("*.rom")
    assert path.read_bytes() == CARD_ROM
    note = json.loads(path.with_name(f"{path.name}.json").read_text())
    assert path.name == f"1002-67df-{note['sha256'][:8]}.rom"
    assert (note["device"], note["address"], note["method"]) == ("1002:67df", DGPU, "sysfs-rom")
    assert port.raw == before
    shown = json.loads(run("show", path, as_json=True).output)
    assert shown["provenance"] == note
    assert Leases(paths.leases).holder(PciAddress.parse(DGPU)) is None
    assert not paths.roms.exists()


def test_extract_keeps_a_rom_for_guests_when_asked(paths: Paths) -> None:
    """--keep also stores ROM and provenance where `rom = "auto"` finds them."""
    assert run("extract", DGPU, "--output", "card.rom", "--keep").exit_code == 0
    assert Path("card.rom").read_bytes() == CARD_ROM
    (kept,) = paths.roms.glob("*.rom")
    assert kept.read_bytes() == CARD_ROM


def test_extract_never_overwrites_other_bytes_unasked(paths: Paths) -> None:
    """A file that holds something else is refused before it is touched; the same bytes and --force are not."""
    Path("card.rom").write_bytes(b"the only copy")
    assert isinstance(fault_of(run("extract", DGPU, "--output", "card.rom")), Refused)
    assert Path("card.rom").read_bytes() == b"the only copy"
    assert not Path("card.rom.json").exists()
    for options in (("--force",), ()):
        assert run("extract", DGPU, "--output", "card.rom", *options).exit_code == 0
        assert Path("card.rom").read_bytes() == CARD_ROM
    Path("folder").mkdir()
    assert isinstance(fault_of(run("extract", DGPU, "--output", "folder")), BadRequest)


def test_a_damaged_rom_is_not_written(paths: Paths) -> None:
    """What the system gives is checked first: half a ROM leaves no file that looks like one."""
    fault = fault_of(run("extract", DGPU, "--output", "card.rom", port=rehearsed(rom=CARD_ROM[:-1])))
    assert isinstance(fault, FormatError)
    assert fault.where == DGPU
    assert list(Path().iterdir()) == []


def test_extract_needs_a_machine_a_device_and_a_rom(paths: Paths) -> None:
    """An archive refuses, a device that is not there is a wrong request, one without a ROM is the host's refusal."""
    assert isinstance(fault_of(run("extract", DGPU, port=rehearsed(live=False))), Refused)
    assert isinstance(fault_of(run("extract", "1f:00.0")), BadRequest)
    bare = replace(AMD_DGPU, functions=tuple(replace(f, rom=False) for f in AMD_DGPU.functions))
    assert isinstance(fault_of(run("extract", DGPU, port=rehearsed(bare))), HostError)


def test_extract_waits_for_nobody(paths: Paths) -> None:
    """A device that somebody holds is refused, and the holder is named."""
    with Leases(paths.leases).take(PciAddress.parse(DGPU), owner="guest:hmi"):
        assert "guest:hmi" in fault_of(run("extract", DGPU)).what


def test_a_provenance_of_other_bytes_is_not_believed(paths: Paths) -> None:
    """A note beside a file that was changed since, or that is no note, is set aside with a word about it."""
    assert run("extract", DGPU, "--output", "card.rom").exit_code == 0
    Path("card.rom").write_bytes(build(legacy()))
    result = run("show", "card.rom", as_json=True)
    assert json.loads(result.stdout)["provenance"] is None
    assert "describes other bytes" in result.stderr
    Path("card.rom.json").write_text("[")
    assert "is not JSON" in run("show", "card.rom").stderr
