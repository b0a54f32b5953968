"""The main job, start to finish: from nothing to a guest on a passed-through GPU, and back."""

from __future__ import annotations

import pytest

from dinrail.lab.guestimage import GREETING
from dinrail.lab.machine import Parts
from dinrail.lab.parts import silent
from dinrail.lab.scenario import (
    FIRMWARE_PICTURE,
    MONITOR_BEFORE,
    STAGES,
    SYSTEM_PICTURE,
    Outcome,
    Play,
    Stage,
    new_play,
    play_scenario,
)
from dinrail.lab.screen import Font, Picture
from dinrail.lab.watch import firmware_logo

pytestmark = pytest.mark.lab


class _Quiet:
    def begin(self, stage: Stage) -> None: ...

    def end(self, outcome: Outcome) -> None: ...

    def note(self, text: str) -> None: ...


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, lab_parts: Parts) -> tuple[Play, tuple[Outcome, ...], Font]:
    """One whole play; its machine is off afterwards, its pictures stay."""
    play = new_play(tmp_path_factory.mktemp("demo"), silent)
    outcomes = play_scenario(play, _Quiet())
    return play, outcomes, play.machine.console_font()


def test_every_stage_is_played(played: tuple[Play, tuple[Outcome, ...], Font]) -> None:
    """All stages run in their order, and each says what it got."""
    _, outcomes, _ = played
    assert [o.stage for o in outcomes] == list(STAGES)
    assert all(o.ok and o.result for o in outcomes)


def test_the_pictures_differ_and_show_who_drew_them(played: tuple[Play, tuple[Outcome, ...], Font]) -> None:
    """Before, firmware and system are three pictures; firmware's logo and the guest's own words are on theirs only."""
    play, _, font = played
    before, firmware, system = (
        Picture.load(play.out / name) for name in (MONITOR_BEFORE, FIRMWARE_PICTURE, SYSTEM_PICTURE)
    )
    assert len({before.bitmap.rgb, firmware.bitmap.rgb, system.bitmap.rgb}) == 3
    logo = firmware_logo()
    assert [p.find(logo) is not None for p in (before, firmware, system)] == [False, True, False]
    texts = ["\n".join(p.text(font)) for p in (before, firmware, system)]
    assert [GREETING in text for text in texts] == [False, False, True]
    assert f"word {play.word}" in texts[2], "this run's guest drew it, no other"
    assert "display 0000:" in texts[2]
    assert "0x1234 0x1111" in texts[2]


def test_the_play_leaves_the_rom_the_command_and_a_transcript(
    played: tuple[Play, tuple[Outcome, ...], Font],
) -> None:
    """A reader finds the extracted ROM, the guest's command line and all that was typed."""
    play, _, _ = played
    from dinrail.lab.vbios import vbios

    assert (play.out / "vbios.rom").read_bytes() == vbios()
    assert (
        "-device vfio-pci" in (play.out / "command.txt").read_text()
        or "vfio-pci" in (play.out / "command.txt").read_text()
    )
    transcript = (play.out / "transcript.txt").read_text()
    for words in ("dinrail pci", "dinrail vbios extract", "dinrail gpu claim", "dinrail guest start", "gpu release"):
        assert words in transcript
    assert "[guest.hmi]" in (play.out / "dinrail.toml").read_text()
