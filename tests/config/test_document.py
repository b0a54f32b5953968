"""The TOML document: all faults at once, each with its path."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ads.settings import AdsSettings, GuestAds
from dinrail.ams.address import NetId
from dinrail.config.document import MAX_BYTES, find, load, parse, schema
from dinrail.control.settings import ControlSettings, TaskSettings
from dinrail.errors import BadRequest
from dinrail.guest.definition import DiskFormat, Display, FirmwareKind, GuestOs, NetworkKind, RomChoice, RomSource
from dinrail.pci.address import PciAddress
from dinrail.units import GIB

HERE = Path("/etc/dinrail/dinrail.toml")

DESIGN = b"""
[host]
name = "press-7"

[control]
cores = [3]
project = "plc/"
[[control.task]]
name = "PlcTask"
cycle = "1 ms"

[ads]
net_id = "5.80.201.232.1.1"

[guest.hmi]
os = "windows"
cpus = 2
memory = "4 GiB"
disks = [{ path = "hmi.qcow2" }]
autostart = true
gpu = { device = "00:02.0", rom = "auto" }
usb = ["00:14.0"]
networks = [{ kind = "host-only" }, { kind = "passthrough", device = "03:00.0" }]
ads = { read = ["MAIN.*"], write = ["GVL_HMI.*"] }
on_crash = { restart = "always", rollback_after = 3 }
"""

SMALL = b'[guest.a]\nos = "linux"\ncpus = 1\nmemory = "64 MiB"\n'


def faults(text: str) -> tuple[str, ...]:
    with pytest.raises(BadRequest) as caught:
        parse(text.encode(), HERE)
    return caught.value.details


def told(data: bytes) -> tuple[str, ...] | None:
    """The faults of these bytes, None for a document. Anything but a BadRequest fails the test."""
    try:
        parse(data, HERE)
    except BadRequest as fault:
        return fault.details
    return None


def test_the_design_s_own_document_is_understood() -> None:
    """The sample of the design gives exactly the guest that it describes."""
    document = parse(DESIGN, HERE)
    guest = document.guest("hmi")
    assert document.host_name == "press-7"
    assert document.control == ControlSettings(
        project="/etc/dinrail/plc", cores=(3,), tasks=(TaskSettings("PlcTask", 1_000_000),)
    )
    assert document.ads.net_id == NetId.parse("5.80.201.232.1.1")
    assert document.ads.guests == (GuestAds("hmi", ("MAIN.*",), ("GVL_HMI.*",)),)
    assert (guest.os, guest.cpus, guest.memory_bytes, guest.autostart) == (GuestOs.WINDOWS, 2, 4 * GIB, True)
    assert guest.disks[0].path == "/etc/dinrail/hmi.qcow2"
    assert guest.disks[0].format is DiskFormat.QCOW2
    assert guest.gpu is not None
    assert guest.gpu.rom == RomChoice(RomSource.AUTO)
    assert [str(device.address) for device in guest.passed] == ["0000:00:02.0", "0000:00:14.0", "0000:03:00.0"]
    assert [network.kind for network in guest.networks] == [NetworkKind.HOST_ONLY, NetworkKind.PASSTHROUGH]
    assert guest.ads.write == ("GVL_HMI.*",)
    assert guest.on_crash.rollback_after == 3
    assert guest.firmware.kind is FirmwareKind.UEFI


def test_every_fault_is_told_at_once_with_its_path() -> None:
    """One run shows all that has to be mended: path, value, hint."""
    lines = faults(
        """
        [hots]
        [guest.hmi]
        os = "windos"
        cpu = 2
        cpus = 0
        memory = "4 GB"
        disks = [{ pth = "a" }]
        gpu = "passthru,0/2/0,/rom"
        usb = ["00:14"]
        networks = [{ kind = "passthrough" }, { kind = "host-only", device = "03:00.0" }]
        [guest."Bad Name"]
        os = "linux"
        cpus = 1
        memory = 12
        """
    )
    places = {line.split(": ")[0] for line in lines}
    assert places == {
        "hots",
        "guest.hmi.os",
        "guest.hmi.cpu",
        "guest.hmi.cpus",
        "guest.hmi.memory",
        "guest.hmi.disks[0].path",
        "guest.hmi.disks[0].pth",
        "guest.hmi.gpu.device",
        "guest.hmi.usb[0]",
        "guest.hmi.networks[0].device",
        "guest.hmi.networks[1].device",
        'guest."Bad Name"',
        'guest."Bad Name".memory',
    }
    text = "\n".join(lines)
    assert "hots: no such key; try: did you mean `host`?" in text
    assert "guest.hmi.cpu: no such key; try: did you mean `cpus`?" in text
    assert "`4 GiB`" in text
    assert "write `rom=/rom`" in text


def test_a_gpu_may_be_written_short() -> None:
    """A bare device means `rom = "auto"`; the bhyve spelling brings its own."""
    short = parse(SMALL + b'gpu = "01:00.0"\n', HERE).guest("a")
    assert short.gpu is not None
    assert short.gpu.rom.source is RomSource.AUTO
    assert short.display is Display.NONE
    spelled = parse(SMALL + b'gpu = "passthru,0/2/0,rom=own.rom"\n', HERE).guest("a")
    assert spelled.gpu is not None
    assert spelled.gpu.address == PciAddress(0, 0, 2, 0)
    assert spelled.gpu.rom == RomChoice(RomSource.FILE, "/etc/dinrail/own.rom")


def test_a_guest_without_a_gpu_has_an_emulated_display() -> None:
    """There is always a picture, unless somebody says otherwise."""
    assert parse(SMALL, HERE).guest("a").display is Display.EMULATED


def test_an_unknown_guest_is_asked_back() -> None:
    """A misspelt name gets the near one."""
    with pytest.raises(BadRequest) as caught:
        parse(DESIGN, HERE).guest("hni")
    assert caught.value.hint == "did you mean `hmi`?"


@pytest.mark.parametrize(
    ("ads", "where"),
    [
        ('[[ads.rule]]\nfrom = { guests = ["b"] }\ndeny = true', "rule 1"),
        ('[ads]\nlisten = [{ at = "vmnet0", guest = "b" }]', "door vmnet0"),
    ],
)
def test_a_rule_for_a_guest_that_does_not_exist_is_told(ads: str, where: str) -> None:
    """A misspelt guest would be a rule that never matches."""
    (line,) = faults(SMALL.decode() + ads)
    assert f"[ads], {where}: there is no guest 'b'" in line
    assert "did you mean" in line or "known here: a" in line


def test_a_key_that_python_has_no_name_for_is_suggested_as_it_is_written() -> None:
    """`from` is a key of the document, whatever the field is called."""
    lines = faults("[[ads.rule]]\nform = {}\nallow = ['read']\n[[ads.rule]]\nfrom = { guest = ['a'] }\ndeny = true")
    assert lines == (
        "ads.rule[0].form: no such key; try: did you mean `from`?",
        "ads.rule[1].from.guest: no such key; try: did you mean `guests`?",
    )


@pytest.mark.parametrize(
    "data",
    [b"\xff", b"a = [", b"[" * 5000, b"a = " + b"[" * 5000, b"x" * (MAX_BYTES + 1), b"a = " + b"9" * 5000, b"\x00"],
    ids=["latin", "cut", "tables", "arrays", "long", "digits", "nul"],
)
def test_what_is_no_toml_is_one_bad_request(data: bytes) -> None:
    """Damage, depth, length and size end in one declared error."""
    with pytest.raises(BadRequest):
        parse(data, HERE)


@given(st.binary(max_size=200))
def test_any_bytes_give_a_document_or_a_bad_request(data: bytes) -> None:
    """Nothing else escapes."""
    for whole in (data, DESIGN + data, SMALL + data):
        told(whole)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(["os", "cpus", "memory", "disks", "gpu", "usb", "networks", "boot", "ads", "on_crash"]), _VALUES)
def test_any_value_anywhere_gives_a_guest_or_its_path(key: str, value: object) -> None:
    """A wrong type is a fault at its place, never an exception from inside."""
    rest = {"os": '"linux"', "cpus": "1", "memory": '"64 MiB"'}
    rest[key] = _toml(value)
    text = "[guest.a]\n" + "\n".join(f"{name} = {spelled}" for name, spelled in rest.items())
    for line in told(text.encode("utf-8", "replace")) or ():
        assert line.startswith(f"guest.a.{key}")


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps("" if value is None else value)


SAMPLES = re.findall(r"```toml\n(.*?)```", (Path(__file__).parents[2] / "docs" / "config.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("sample", SAMPLES, ids=[sample.split("\n")[0] for sample in SAMPLES])
def test_the_manual_s_own_samples_are_understood(sample: str) -> None:
    """What the page shows can be copied."""
    assert parse(sample.encode(), HERE).ads != AdsSettings()


def test_the_schema_knows_every_section() -> None:
    """Editors complete what the parser accepts."""
    text = schema()
    assert set(text["properties"]) == {"host", "guest", "control", "ads"}
    assert "memory" in text["$defs"]["GuestSection"]["properties"]
    json.dumps(text)


def test_a_missing_document_names_where_it_was_sought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both default places are in the message; a named one that is missing is a bad request, too."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadRequest, match=r"dinrail\.toml"):
        find(None)
    with pytest.raises(BadRequest, match="cannot be read"):
        load(tmp_path / "none.toml")
