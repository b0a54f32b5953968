"""`dinrail ads policy` and `dinrail ads user`: who may do what, and who may add routes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dinrail.cli.session import Session

if TYPE_CHECKING:
    from dinrail.ads.asking import Question
    from dinrail.ads.credentials import UserFile
    from dinrail.ads.policy.explain import Verdict
    from dinrail.ads.policy.rule import Rule, SourceMatch
    from dinrail.ads.settings import AdsSettings

_Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="The document; else ./dinrail.toml, /etc/dinrail/dinrail.toml."),
]
_File = Annotated[
    Path | None, typer.Option("--file", metavar="FILE", help="The file of users; else the document's, if it has one.")
]
_Name = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]


def register(group: typer.Typer) -> None:
    policy = typer.Typer(no_args_is_help=True, help="Who may do what over ADS: the rules, and what they come to.")
    policy.command("show")(show)
    policy.command("check")(check)
    group.add_typer(policy, name="policy")
    user = typer.Typer(no_args_is_help=True, help="Who may add a route with name and password.")
    for name, command in (("add", add), ("remove", remove), ("list", list_users)):
        user.command(name)(command)
    group.add_typer(user, name="user")


def show(context: typer.Context, config: _Config = None) -> None:
    """Print all rules in the order in which they are asked: limits of routes, your own, guests, grants, defaults."""
    from dinrail.ads.rules import rules_of

    rules = rules_of(_settings(config))
    if Session.of(context).as_json:
        from dinrail.cli.output import print_json

        print_json([_as_dict(rule) for rule in rules])
        return
    from rich.table import Table

    from dinrail.cli.output import console

    table = Table("rule", "effect", "source", "at", "actions", "groups", "symbols", box=None, header_style="bold")
    for rule in rules:
        actions, targets, ports, groups, symbols = (" ".join(words) for words in _lists(rule).values())
        where = f"{targets} {ports}".strip() or ("devices" if rule.allows else "everywhere")
        cells = (rule.name, rule.effect.value, _shown(rule.source), where, actions, groups, symbols)
        table.add_row(*(_plain_cell(cell) for cell in cells))
    console().print(table)
    sys.stdout.write("default: this machine everything, all others nothing\n")


def _plain_cell(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _as_dict(rule: Rule) -> dict[str, object]:
    words = {"name": rule.name, "effect": rule.effect.value, "source": _shown(rule.source)}
    return {**words, **_lists(rule)}


def _lists(rule: Rule) -> dict[str, list[str]]:
    from dinrail.ads.policy.rule import ALL_ACTIONS

    return {
        "actions": ["all"] if rule.actions == ALL_ACTIONS else sorted(action.value for action in rule.actions),
        "targets": [str(target) for target in rule.targets],
        "ports": [str(span) for span in rule.ports],
        "groups": [str(span) for span in rule.groups],
        "symbols": list(rule.symbols),
    }


def _shown(source: SourceMatch) -> str:
    words = [via.value for via in sorted(source.via)]
    words += [str(network) for network in source.networks]
    words += [f"door {listener}" for listener in source.listeners]
    words += [f"guest:{guest}" for guest in source.guests]
    words += [*source.identities, *(str(net_id) for net_id in source.net_ids)]
    return " ".join(words) or "anyone"


def check(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="SOURCE",
            help="An IP address, `inside`, `guest:NAME`, `tls:FINGERPRINT`, `psk:IDENTITY` or `mqtt:NETID`.",
        ),
    ],
    *,
    config: _Config = None,
    net_id: Annotated[str | None, typer.Option("--net-id", help="What it calls itself (default: as usual).")] = None,
    listener: Annotated[str, typer.Option("--listener", help="The door or broker by which it comes.")] = "",
    target: Annotated[str | None, typer.Option("--target", metavar="NETID", help="The device; else our own.")] = None,
    port: Annotated[str, typer.Option("--port", help="AMS port, by number or name (`system-service`).")] = "851",
    action: Annotated[
        str | None, typer.Option("--action", help="state, browse, read (default), write, call, control or admin.")
    ] = None,
    command: Annotated[
        str | None, typer.Option("--command", help="Instead of an action, the command: read, write, read-write, ...")
    ] = None,
    group: Annotated[
        str | None, typer.Option("--group", help="Index group, like 0x4020 (default: the data area).")
    ] = None,
    offset: Annotated[str, typer.Option("--offset", help="Index offset.")] = "0",
    symbol: Annotated[str, typer.Option("--symbol", metavar="PATH", help="The symbol, like MAIN.axis.pos.")] = "",
    scalar: Annotated[bool, typer.Option("--scalar", help="The symbol has no parts that a rule could mean.")] = False,
) -> None:
    """Say whether a source may do something, by which rule, and why. Exit code 0 for yes, 1 for no."""
    from dinrail.ads import asking
    from dinrail.ams.address import NetId, parse_port

    settings = _settings(config)
    origin = asking.origin_of(source, settings, listener=listener)
    number, where = parse_port(port), None if group is None else _number(group, "--group")
    asked = asking.question(
        settings,
        origin,
        action=asking.action_for(action, command, where or 0, number),
        port=number,
        net_id=None if net_id is None else NetId.parse(net_id),
        target=None if target is None else NetId.parse(target),
        group=where,
        offset=_number(offset, "--offset"),
        symbol=symbol,
    )
    verdict = asking.answer(settings, asked, scalar=scalar)
    _print_verdict(asked, verdict, as_json=Session.of(context).as_json)
    if not verdict.allowed:
        raise typer.Exit(1)


def _print_verdict(asked: Question, verdict: Verdict, *, as_json: bool) -> None:
    if as_json:
        from dinrail.cli.output import print_json

        words = {
            "via": asked.origin.via.value,
            "source": str(asked.source),
            "target": str(asked.target),
            "action": asked.access.action.value,
            "group": asked.access.group,
            "offset": asked.access.offset,
            "names": list(asked.access.names),
        }
        told = {"allowed": verdict.allowed, "rule": verdict.rule, "reason": verdict.reason, "trail": verdict.trail}
        print_json(told | {"asked": words})
        return
    from rich.table import Table

    from dinrail.cli.output import console

    access, out = asked.access, console()
    what = access.names[-1] if access.names else f"{access.group:#x}:{access.offset:#x}"
    word, style = ("allowed", "green") if verdict.allowed else ("refused", "bold red")
    out.print(word, style=style, end=": ")
    out.print(f"{access.action.value} of {what} at {asked.target} from {asked.source}", markup=False)
    out.print(f"  rule: {verdict.rule}\n  why: {verdict.reason}", markup=False)
    if verdict.trail:
        table = Table("", "rule", "what it said", box=None, header_style="bold")
        for step in verdict.trail:
            table.add_row(">" if step.matched else "", _plain_cell(step.rule), _plain_cell(step.why))
        out.print(table)


def _number(text: str, option: str) -> int:
    from dinrail.ads.policy.rule import Span
    from dinrail.errors import BadRequest

    span = Span.parse(text)
    if span.first != span.last:
        raise BadRequest(f"{text!r} is a range", where=option, hint="one number, like 0x4020")
    return span.first


def _settings(config: Path | None) -> AdsSettings:
    """The document's, or what holds where there is none."""
    from dinrail.ads.settings import AdsSettings
    from dinrail.config.document import DEFAULT_PATHS, load

    path = config or next((path for path in DEFAULT_PATHS if path.exists()), None)
    return AdsSettings() if path is None else load(path).ads


def add(
    context: typer.Context,
    name: _Name,
    file: _File = None,
    config: _Config = None,
    from_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password's line from standard input, for scripts.")
    ] = False,
) -> None:
    """Let a user add routes, or change the password. It is asked for, never taken from the command line."""
    from dinrail.ads.credentials import check_name

    Session.of(context).require_this_machine()
    users = _users(file, config)
    check_name(name)  # before anybody types a password
    if from_stdin:
        password = sys.stdin.readline().rstrip("\n")
    else:
        password = typer.prompt(f"Password for {name}", hide_input=True, confirmation_prompt=True, err=True)
    new = users.put(name, password)
    _tell(context, users, f"{name}: {'added' if new else 'has a new password'}", {"user": name, "new": new})


def remove(context: typer.Context, name: _Name, file: _File = None, config: _Config = None) -> None:
    """Take a user out; routes that were added stay."""
    Session.of(context).require_this_machine()
    users = _users(file, config)
    users.remove(name)
    _tell(context, users, f"{name}: removed", {"user": name})


def list_users(context: typer.Context, file: _File = None, config: _Config = None) -> None:
    """List the users."""
    Session.of(context).require_this_machine()
    users = _users(file, config)
    names = [user.name for user in users.users()]
    _tell(context, users, "\n".join(names) or "no users", {"users": names})


def _tell(context: typer.Context, users: UserFile, line: str, fields: dict[str, object]) -> None:
    if Session.of(context).as_json:
        from dinrail.cli.output import print_json

        print_json({"file": str(users.path)} | fields)
        return
    sys.stdout.write(line + "\n")


def _users(file: Path | None, config: Path | None) -> UserFile:
    """The file that is named, or the document's."""
    from dinrail.ads.credentials import UserFile
    from dinrail.daemon.launch import router_group
    from dinrail.errors import BadRequest

    group = router_group()
    if file is not None:
        return UserFile(file, group=group)
    found = _settings(config).credentials.file
    if not found:
        hint = 'add `file = "users"` to a table [ads.credentials], or name one: --file FILE'
        raise BadRequest("the document names no file of users", hint=hint)
    return UserFile(Path(found), group=group)
