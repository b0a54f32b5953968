"""The one TOML document: every package's section joined, all faults reported at once.

A table that belongs to nobody is a fault. What a guest may do to the control (`[guest.X].ads`) becomes ADS policy here.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, StringConstraints, ValidationError, model_validator

from dinrail.ads.section import AdsSection
from dinrail.ads.settings import AdsSettings, GuestAds
from dinrail.config.control import ControlSection
from dinrail.config.faults import did_you_mean, fault_lines
from dinrail.control.settings import ControlSettings
from dinrail.errors import BadRequest
from dinrail.fieldbus.settings import DeviceSettings
from dinrail.guest.definition import GuestDefinition
from dinrail.guest.section import GuestName, GuestSection
from dinrail.section import Section, fault

MAX_BYTES = 1 << 20
DEFAULT_PATHS = (Path("dinrail.toml"), Path("/etc/dinrail/dinrail.toml"))


class HostSection(Section):
    """`[host]`: the machine itself."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$")] = ""


class DocumentSection(Section):
    """The document's top level: one field for each section."""

    host: HostSection = HostSection()
    guest: dict[GuestName, GuestSection] = Field(default_factory=dict)
    control: ControlSection | None = None
    ads: AdsSection = Field(default_factory=AdsSection)

    @model_validator(mode="after")
    def _guests_exist(self) -> DocumentSection:
        named = {name: f"rule {at}" for at, rule in enumerate(self.ads.rule, 1) for name in rule.source.guests}
        named |= {door.guest: f"door {door.at.host}" for door in self.ads.doors() if door.guest}
        for name, where in named.items():
            if name not in self.guest:
                hint = did_you_mean(name, self.guest) if self.guest else f"add a table `[guest.{name}]`"
                raise fault(f"[ads], {where}: there is no guest {name!r}", hint)
        return self


@dataclass(frozen=True, slots=True)
class Document:
    """What one document says. control: None where there is no such table. devices: on the control's field buses."""

    path: Path
    host_name: str
    guests: tuple[GuestDefinition, ...]
    control: ControlSettings | None
    ads: AdsSettings
    devices: tuple[DeviceSettings, ...] = ()

    def guest(self, name: str) -> GuestDefinition:
        """The guest of that name. Raises BadRequest."""
        found = next((guest for guest in self.guests if guest.name == name), None)
        if found is None:
            names = tuple(guest.name for guest in self.guests)
            hint = did_you_mean(name, names) if names else f"add a table `[guest.{name}]`"
            raise BadRequest(f"there is no guest {name!r}", where=str(self.path), hint=hint)
        return found


def find(given: Path | None) -> Path:
    """The document to read: the one given, else the first that exists of `DEFAULT_PATHS`. Raises BadRequest."""
    if given is not None:
        return given
    found = next((path for path in DEFAULT_PATHS if path.exists()), None)
    if found is None:
        tried = " and ".join(str(path) for path in DEFAULT_PATHS)
        raise BadRequest("there is no configuration document", where=tried, hint="write one, or name it: --config FILE")
    return found


def load(path: Path) -> Document:
    """Read and check a document. Raises BadRequest with every fault among its details."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as fault:
        raise BadRequest(f"cannot be read: {fault.strerror}", where=str(path)) from fault
    return parse(data, path)


def parse(data: bytes, path: Path) -> Document:
    """The document in these bytes; `path` names it in messages, and its directory roots relative paths.

    Raises BadRequest, and nothing else for any bytes.
    """
    table = _toml(data, path)
    try:
        section = DocumentSection.model_validate(table)
    except ValidationError as invalid:
        lines = fault_lines(invalid, DocumentSection)
        count = "one fault" if len(lines) == 1 else f"{len(lines)} faults"
        raise BadRequest(f"{count} in the configuration", where=str(path), details=lines) from invalid
    base = path.absolute().parent
    guests = tuple(guest.definition(name, base) for name, guest in section.guest.items())
    return Document(
        path=path,
        host_name=section.host.name,
        guests=guests,
        control=section.control.settings(base) if section.control else None,
        ads=section.ads.settings(base, [GuestAds(guest.name, guest.ads.read, guest.ads.write) for guest in guests]),
        devices=section.control.devices() if section.control else (),
    )


def schema() -> dict[str, Any]:
    """The JSON Schema of the whole document, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | DocumentSection.model_json_schema()


def _toml(data: bytes, path: Path) -> dict[str, Any]:
    if len(data) > MAX_BYTES:
        raise BadRequest(f"is longer than {MAX_BYTES} bytes", where=str(path), why="no configuration is that long")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as fault:
        raise BadRequest(f"byte {fault.start} is not UTF-8", where=str(path), why="TOML is UTF-8") from fault
    except tomllib.TOMLDecodeError as fault:
        raise BadRequest(f"is not TOML: {fault}", where=str(path)) from fault
    except RecursionError as fault:
        raise BadRequest("is nested too deeply", where=str(path)) from fault
    except ValueError as fault:  # a number too long for Python's own limit: tomllib lets it through
        raise BadRequest(f"holds a value out of range: {fault}", where=str(path)) from fault
