"""Giving up root, for good, before anything is taken from a network."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import pwd
import sys

from dinrail.ads.settings import AdsSettings, CredentialKind
from dinrail.errors import HostError

_PR_SET_NO_NEW_PRIVS = 38


def load_all(settings: AdsSettings) -> None:
    """Load what these settings will need: afterwards our own code may be out of reach."""
    wanted = ["uvloop"] if importlib.util.find_spec("uvloop") else []
    wanted += ["dinrail.daemon.router.secure"] if settings.tls is not None else []
    wanted += ["dinrail.daemon.router.brokers"] if settings.brokers else []
    wanted += ["dinrail.bridge.ports"] if settings.channels else []
    wanted += ["dinrail.ads.metrics"] if settings.metrics else []
    wanted += ["dinrail.ads.credentials"] if settings.credentials.kind is not CredentialKind.NONE else []
    wanted += ["dinrail.ads.pam"] if settings.credentials.kind is CredentialKind.PAM else []
    wanted += ["encodings.cp1252", "encodings.idna", "encodings.utf_16_le"]
    for name in wanted:
        importlib.import_module(name)


def become(name: str) -> None:
    """Be that user from here on, without a way back. Raises HostError when it is unknown, or we may not."""
    try:
        user = pwd.getpwnam(name)
    except KeyError as fault:
        raise HostError("there is no such user", where=name) from fault
    try:
        os.setgroups([])
        os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
        os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
    except PermissionError as fault:
        raise HostError(
            "cannot become another user", where=name, why="only root may", hint="leave --user out"
        ) from fault
    if sys.platform == "linux" and ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise HostError("the kernel does not give up privileges for good", where="prctl(PR_SET_NO_NEW_PRIVS)")
