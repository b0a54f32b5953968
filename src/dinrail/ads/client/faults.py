"""What went wrong with a request, told so that its reader can act: code, place, and what to try.

The hints are for what users ask about most: no route back (6, 7, an end right after connect), a name that is not there
(0x710, with names that look alike), and no answer at all (1861).
"""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Iterable

from dinrail.ams.address import AmsAddr, NetId, Port
from dinrail.ams.errors import AdsError, AdsFault, describe

DENIED = frozenset({AdsError.ACCESS_DENIED, AdsError.SECURE_ACCESS_DENIED})
CHANGED = frozenset(
    {
        AdsError.SYMBOL_VERSION_INVALID,
        AdsError.SYMBOL_NOT_ACTIVE,
        AdsError.NOTIFICATION_HANDLE_INVALID,
    }
)
"""The program was changed or loaded anew: what was looked up before is to be looked up again."""

GONE = frozenset(
    {
        AdsError.TARGET_PORT_NOT_FOUND,
        AdsError.TARGET_MACHINE_NOT_FOUND,
        AdsError.PORT_NOT_CONNECTED,
        AdsError.TCP_SEND,
        AdsError.HOST_UNREACHABLE,
        AdsError.NOT_READY,
        AdsError.INVALID_STATE,
        AdsError.CLIENT_TIMEOUT,
    }
)
"""It may be there again later: a device that restarts answers so, or not at all."""

_NEAR = 5


class AdsDenied(AdsFault):
    """The device's own rules said no."""

    exit_code = 1


class LinkLost(AdsFault):
    """The connection ended before the answer, or there is none. Nobody knows whether a request was carried out."""


def fault_of(
    code: int, *, where: str, target: AmsAddr, source: AmsAddr, host: str, what: str = "", near: Iterable[str] = ()
) -> AdsFault:
    """The exception for an error code.

    where:  what was asked for, and of whom.
    source: our own address: the one that a route has to lead back to.
    host:   the other end of the TCP connection.
    near:   names to offer for one that was not found.
    """
    kind = AdsDenied if code in DENIED else AdsFault
    return kind(code, what or describe(code), where=where, hint=hint_for(code, target, source.net_id, host, near))


def hint_for(code: int, target: AmsAddr, ours: NetId, host: str, near: Iterable[str] = ()) -> str | None:
    """What to try for the usual codes; None for the rest."""
    if code == AdsError.TARGET_PORT_NOT_FOUND:
        return _nobody_at(target, host)
    if code == AdsError.TARGET_MACHINE_NOT_FOUND:
        return f"is {target.net_id} the device's NetId? (`{discover(host)}`) If it is: {route_back(host, ours)}"
    if code == AdsError.CLIENT_TIMEOUT:
        return f"the device is busy, stopped at a breakpoint, or knows no way back to {ours}: {route_back(host, ours)}"
    if code == AdsError.SYMBOL_NOT_FOUND:
        names = ", ".join(near)
        return f"did you mean {names}?" if names else "`dinrail ads symbols` lists what there is"
    if code in (AdsError.SYMBOL_VERSION_INVALID, AdsError.SYMBOL_NOT_ACTIVE):
        return "the program was changed meanwhile: ask again"
    if code == AdsError.SERVICE_NOT_SUPPORTED:
        return f"port {target.port} does not serve this; symbols are at 851, the system service at 10000"
    if code in DENIED:
        return f"the device's rules do not allow this to {ours}: see `dinrail ads policy check` over there"
    if code in (AdsError.NOT_READY, AdsError.INVALID_STATE):
        return "`dinrail ads state` tells its state"
    return None


def route_back(host: str, ours: NetId) -> str:
    """The command that tells a device how to answer us."""
    return f"`{add_route(host, ours)}` adds a route"


def add_route(host: str, ours: NetId) -> str:
    """The command itself, to be pasted."""
    return f"dinrail ads route add --remote {shlex.quote(host)} --own-net-id {ours} --user Administrator"


def discover(host: str) -> str:
    """The command that asks a device for its NetId."""
    return f"dinrail ads discover {shlex.quote(host)}"


def near_names(wanted: str, names: Iterable[str]) -> tuple[str, ...]:
    """Names that look like the wanted one, best first; letters' case does not count."""
    by_fold = {name.casefold(): name for name in names}
    folded = wanted.casefold()
    found = difflib.get_close_matches(folded, by_fold, n=_NEAR, cutoff=0.6)
    if not found:  # the right variable in the wrong program: compare what stands after the last dot
        last = folded.rpartition(".")[2]
        found = [name for name in by_fold if name.rpartition(".")[2] == last][:_NEAR]
    return tuple(by_fold[name] for name in found)


def _nobody_at(target: AmsAddr, host: str) -> str:
    if target.port == Port.SYSTEM_SERVICE:
        return f"there is no system service at {host}"
    return (
        f"nothing serves port {target.port}: is the program loaded, and the device in run mode? "
        f"`dinrail ads state --to {shlex.quote(host)} --port system-service` tells"
    )
