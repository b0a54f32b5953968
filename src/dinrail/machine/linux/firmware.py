"""Firmware images for guests, from their descriptors. Source: QEMU docs/interop/firmware.json.

Descriptors of /etc replace those of /usr/share with the same file name; the order of file names is the order of
preference. A descriptor that cannot be read, or maps its image in a way that we do not know, is left out.
"""

from __future__ import annotations

import json

from dinrail.machine.facts import GuestFirmware
from dinrail.machine.sources import Raw

_FOLDERS = ("/usr/share/qemu/firmware", "/etc/qemu/firmware")


def read_firmware(raw: Raw) -> tuple[GuestFirmware, ...]:
    """Facts of Topic.FIRMWARE, best first."""
    by_name = {
        name: f"{folder}/{name}" for folder in _FOLDERS for name in raw.children(folder) if name.endswith(".json")
    }
    found = (_descriptor(raw, by_name[name]) for name in sorted(by_name))
    return tuple(image for image in found if image is not None)


def _descriptor(raw: Raw, path: str) -> GuestFirmware | None:
    try:
        document = json.loads(raw.text(path))
    except (ValueError, RecursionError):
        return None
    mapping = _dict(_dict(document).get("mapping"))
    code, template = _images(mapping)
    interfaces = _strings(_dict(document).get("interface-types"))
    if not code or not interfaces:
        return None
    targets = [_dict(target) for target in _list(_dict(document).get("targets"))]
    description = _dict(document).get("description")
    return GuestFirmware(
        descriptor=path,
        interface=interfaces[0],
        code_path=code,
        vars_template_path=template,
        machines=tuple(machine for target in targets for machine in _strings(target.get("machines"))),
        architectures=tuple(arch for target in targets for arch in _strings([target.get("architecture")])),
        features=frozenset(_strings(_dict(document).get("features"))),
        description=description if isinstance(description, str) else "",
    )


def _images(mapping: dict[object, object]) -> tuple[str, str]:
    """Paths of the code and of the variables' template; empty strings where there are none."""
    if mapping.get("device") == "flash":
        template = _dict(mapping.get("nvram-template"))
        return _raw_file(_dict(mapping.get("executable"))), _raw_file(template)
    if mapping.get("device") == "memory":
        name = mapping.get("filename")
        return (name if isinstance(name, str) else ""), ""
    return "", ""


def _raw_file(image: dict[object, object]) -> str:
    name = image.get("filename")
    return name if isinstance(name, str) and image.get("format", "raw") == "raw" else ""


def _dict(value: object) -> dict[object, object]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _strings(value: object) -> list[str]:
    return [item for item in _list(value) if isinstance(item, str)]
