"""Guests' configurations for tests inside the virtual PC, written as a user would."""

from __future__ import annotations

from pathlib import Path

from dinrail.lab.machine import Parts, VirtualPc
from dinrail.lab.parts import silent
from dinrail.lab.scenario import Play, guest_toml


def config_for(pc: VirtualPc, parts: Parts, *names: str, rom: str = "auto", word: str = "test") -> str:
    """Put a document with these guests (all want the GPU) into the virtual PC; returns its path there."""
    play = Play(Path("/nowhere"), pc.topology, word, silent, parts=parts)
    text = "\n".join(guest_toml(play, name=name, rom=rom) for name in names or ("hmi",))
    path = f"/run/test-{'-'.join(names) or 'hmi'}.toml"
    pc.write_file(path, text.encode())
    return path
