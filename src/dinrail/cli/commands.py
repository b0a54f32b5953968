"""The table of command groups: which module brings which commands."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add every group. A new command group is one line here and one file beside it."""
    from dinrail.cli import (
        ads,
        collect,
        config,
        control,
        daemon,
        doctor,
        explain,
        gpu,
        guest,
        lab,
        pci,
        plc,
        undo,
        vbios,
    )

    for group in (pci, doctor, explain, lab, gpu, guest, config, daemon, collect, undo, vbios, ads, control, plc):
        group.register(app)
