"""`dinrail ads`: the router and its clients. One line for each file of the group."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Hang the group into the program."""
    from dinrail.cli import ads_client, ads_policy, ads_secure, ads_serve, ads_trace

    group = typer.Typer(
        name="ads",
        help="The AMS router, and a client for any ADS device.",
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for part in (ads_serve, ads_client, ads_policy, ads_secure, ads_trace):
        part.register(group)
    app.add_typer(group, name="ads")
