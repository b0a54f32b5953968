"""The client commands of `dinrail ads`. Each theme has its own file; this is their table."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer


def register(group: typer.Typer) -> None:
    """Hang all client commands into the `ads` group."""
    from dinrail.cli import ads_about, ads_browse, ads_files, ads_routes, ads_values, ads_watch

    for part in (ads_about, ads_browse, ads_values, ads_watch, ads_routes, ads_files):
        part.register(group)
