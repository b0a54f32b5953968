"""PAM, with services of our own in a directory of our own: real modules, and nothing in /etc is touched."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from dinrail.ads.pam import PamService
from dinrail.errors import BadRequest, HostError


def has_confdir() -> bool:
    try:
        return hasattr(ctypes.CDLL("libpam.so.0"), "pam_start_confdir")
    except OSError:
        return False


pytestmark = pytest.mark.skipif(not has_confdir(), reason="needs Linux-PAM 1.4 for pam_start_confdir")

CHECK = """#!/bin/sh
# pam_exec gives the password on standard input, closed by a NUL.
password=$(tr -d '\\000')
[ "$PAM_USER" = eng ] && [ "$password" = 'right / ö' ]
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    script = tmp_path / "check"
    script.write_text(CHECK)
    script.chmod(0o755)
    services = {
        "permit": "auth required pam_permit.so\naccount required pam_permit.so\n",
        "deny": "auth required pam_deny.so\naccount required pam_permit.so\n",
        "expired": "auth required pam_permit.so\naccount required pam_deny.so\n",
        "checked": f"auth required pam_exec.so expose_authtok quiet {script}\naccount required pam_permit.so\n",
        "broken": "auth required /no/such/module.so\naccount required pam_permit.so\n",
        "other": "auth required pam_deny.so\naccount required pam_deny.so\n",
    }
    for name, text in services.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_pam_decides_by_user_and_password(directory: Path) -> None:
    """A module that really looks at both, fed by our answers to its questions."""
    service = PamService("checked", directory)
    assert service.is_right("eng", "right / ö")
    assert not service.is_right("eng", "wrong")
    assert not service.is_right("root", "right / ö")
    assert service.is_right("eng", "right / ö")


def test_the_account_counts_as_well_as_the_password(directory: Path) -> None:
    """Who is authenticated and may not log in is refused."""
    assert PamService("permit", directory).is_right("a", "b")
    assert not PamService("deny", directory).is_right("a", "b")
    assert not PamService("expired", directory).is_right("a", "b")


def test_a_broken_service_lets_nobody_in(directory: Path) -> None:
    """A module that does not load refuses, or cannot check."""
    try:
        allowed = PamService("broken", directory).is_right("a", "b")
    except HostError as fault:
        allowed = fault.exit_code == 0
    assert not allowed


def test_a_missing_service_is_told_before_anybody_is_checked(directory: Path) -> None:
    """PAM itself would quietly take `other`."""
    with pytest.raises(HostError, match="no such PAM service"):
        PamService("dinrail-ads", directory)
    for name in ("", "../permit", ".", "a/b"):
        with pytest.raises(BadRequest):
            PamService(name, directory)


@pytest.mark.parametrize(("user", "password"), [("", "b"), ("a", ""), ("a\0b", "b"), ("a", "b\0c")])
def test_what_c_would_cut_or_take_for_nothing_is_refused(directory: Path, user: str, password: str) -> None:
    """Not even a service that permits everybody takes an empty name, or a NUL in a word."""
    assert not PamService("permit", directory).is_right(user, password)


def test_many_checks_leave_nothing_behind(directory: Path) -> None:
    """Two hundred conversations: each handle is ended and its answers freed (a leak or a double free shows here)."""
    service = PamService("permit", directory)
    assert all(service.is_right("eng", "x" * 500) for _ in range(200))
