"""The command runner."""

from __future__ import annotations

import sys
import time

import pytest

from dinrail.errors import CommandFailed, HostError
from dinrail.host.run import TimedOut, run
from dinrail.units import MS_NS, S_NS


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-I", "-S", "-c", code)


def test_a_command_gives_status_and_both_outputs() -> None:
    """A command's status, output and error output come back apart."""
    done = run(python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"), check=False)
    assert (done.status, done.stdout, done.stderr, done.cut) == (3, b"out\n", b"err\n", False)


def test_commands_speak_the_c_locale() -> None:
    """A command runs with LC_ALL=C, so that its words can be relied on."""
    assert run(python("import os; print(os.environ['LC_ALL'])")).text == "C\n"


def test_a_failure_carries_a_line_that_can_be_pasted() -> None:
    """A command that fails is told with its quoted line, its status and its error output."""
    with pytest.raises(CommandFailed) as raised:
        run(python("import sys; sys.exit('no such thing')"))
    assert raised.value.status == 1
    assert raised.value.why == "no such thing"
    assert "'import sys; sys.exit('" in (raised.value.where or "")


def test_output_beyond_the_cap_is_thrown_away_and_marked() -> None:
    """A command that writes without end fills no memory: the rest is read, dropped and marked."""
    done = run(python("print('x' * 1000000)"), max_bytes=1000)
    assert (len(done.stdout), done.cut) == (1000, True)


def test_a_command_that_does_not_end_is_killed() -> None:
    """A command over its time is killed, with a word on how long it was given."""
    began = time.monotonic()
    with pytest.raises(TimedOut, match=r"no end after 0\.1 s"):
        run(python("import time; time.sleep(60)"), timeout_ns=100 * MS_NS)
    assert time.monotonic() - began < 5


def test_closed_outputs_do_not_hide_a_hang() -> None:
    """A command that closes its outputs and goes on is waited for with the same limit."""
    code = "import os, time; os.close(1); os.close(2); time.sleep(60)"
    with pytest.raises(TimedOut):
        run(python(code), timeout_ns=300 * MS_NS)


def test_standard_input_is_given() -> None:
    """Bytes for standard input arrive, and then its end."""
    done = run(python("import sys; print(len(sys.stdin.read()))"), stdin=b"x" * 5000, timeout_ns=20 * S_NS)
    assert done.text == "5000\n"


def test_a_missing_program_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that is not installed is told with the Debian package, and what it is needed for."""
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(HostError) as raised:
        run(("qemu-img", "info"))
    assert raised.value.hint == "apt-get install qemu-utils"
    assert "disks" in (raised.value.why or "")
