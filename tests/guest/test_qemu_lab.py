"""A real QEMU without passthrough: it stops at its firmware, which is enough to start, look at, outlive and stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from build_guest import exit_of, wait_for

from dinrail.config.document import load
from dinrail.errors import DinrailError, HostError, Refused
from dinrail.guest.lifecycle import State
from dinrail.guest.qemu.monitor import MonitorError, open_monitor
from dinrail.guest.rundir import Observed, Process, observe
from dinrail.guest.screen import screen
from dinrail.guest.site import Site
from dinrail.guest.start import StartRequest, start
from dinrail.guest.stop import kill, stop
from dinrail.host.live import LiveHost
from dinrail.host.paths import Paths
from dinrail.system_clock import SystemClock
from dinrail.units import S_NS

pytestmark = pytest.mark.lab

TOML = """
[guest.fw]
os = "linux"
cpus = 1
memory = "64 MiB"
firmware = "bios"

[guest.efi]
os = "linux"
cpus = 1
memory = "128 MiB"
networks = [{ kind = "host-only" }]

[guest.blind]
os = "linux"
cpus = 1
memory = "64 MiB"
firmware = "bios"
display = "none"

[guest.broken]
os = "linux"
cpus = 1
memory = "64 MiB"
firmware = "/dev/null"
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "dinrail.toml").write_text(TOML)
    site = Site.of(LiveHost(), Paths(tmp_path / "state", tmp_path / "run"), SystemClock())
    yield site
    for name in ("fw", "efi", "blind", "broken"):
        if observe(site.run_dir(name)).state is not State.DEFINED:
            kill(name, site)


def request(site: Site, name: str) -> StartRequest:
    return StartRequest(load(site.paths.state.parent / "dinrail.toml").guest(name))


def test_start_look_stop(site: Site) -> None:
    """It runs, shows its firmware as PNG, answers on both sockets at once, and its end is known and orderly."""
    guest = start(request(site, "fw"), site).guest
    assert guest.state is State.RUNNING
    run = site.run_dir("fw")
    with open_monitor(run.file("command.qmp")) as one, open_monitor(run.file("supervisor.qmp")) as two:
        assert (one.status(), two.status()) == ("running", "running")
        with pytest.raises(MonitorError, match="QEMU refuses no-such-command"):
            one.execute("no-such-command")
    picture = site.paths.state.parent / "fw.png"
    assert screen("fw", site, picture).read_bytes().startswith(b"\x89PNG")
    ended = stop("fw", site, timeout_ns=0)
    assert ended.state is State.DEFINED
    assert ended.exit is not None
    assert ended.exit.status == 0


def test_a_busy_monitor_is_told(site: Site) -> None:
    """QMP serves one client per socket; the second waits, and is told so instead of hanging."""
    start(request(site, "fw"), site)
    socket = site.run_dir("fw").file("command.qmp")
    with open_monitor(socket), pytest.raises(MonitorError, match="no answer"), open_monitor(socket, timeout_ns=S_NS):
        pass


def test_uefi_gets_a_variable_store_of_its_own(site: Site) -> None:
    """Made from the template at the first start, and the same file ever after."""
    start(request(site, "efi"), site)
    store = site.paths.guest_state("efi") / "vars.fd"
    made = store.stat()
    assert made.st_size > 0
    kill("efi", site)
    start(request(site, "efi"), site)
    assert store.stat().st_ino == made.st_ino


def test_a_guest_outlives_the_command_and_is_found_again(site: Site) -> None:
    """Started by a process that is then killed; another one finds it, and sees it die."""
    places = {"DINRAIL_STATE": str(site.paths.state), "DINRAIL_RUN": str(site.paths.run)}
    toml = site.paths.state.parent / "dinrail.toml"
    words = (sys.executable, "-m", "dinrail", "guest", "start", "fw", "--config", str(toml))
    subprocess.run(words, env=os.environ | places, check=True, timeout=60, capture_output=True)
    observed = observe(site.run_dir("fw"))
    assert observed.state is State.RUNNING
    assert observed.hypervisor is not None
    os.kill(observed.hypervisor.pid, signal.SIGKILL)
    exit_of(site.run_dir("fw").path)
    assert observe(site.run_dir("fw")).state is State.CRASHED
    assert stop("fw", site).exit == observe(site.run_dir("fw")).exit


def test_of_two_starts_at_once_one_wins(site: Site) -> None:
    """One guest runs, the other start is refused in words."""
    results: list[Observed | DinrailError] = []

    def attempt() -> None:
        try:
            results.append(start(request(site, "fw"), site).guest)
        except DinrailError as fault:
            results.append(fault)

    threads = [threading.Thread(target=attempt) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    (lost,) = [result for result in results if isinstance(result, DinrailError)]
    (won,) = [result for result in results if isinstance(result, Observed)]
    assert isinstance(lost, Refused)
    assert "the guest is" in lost.what
    assert observe(site.run_dir("fw")).hypervisor == won.hypervisor


def test_a_hypervisor_that_refuses_is_quoted(site: Site) -> None:
    """Its own words are in the error, and nothing of it is left."""
    with pytest.raises(HostError, match="ended while it was started") as caught:
        start(request(site, "broken"), site)
    assert caught.value.details
    observed = observe(site.run_dir("broken"))
    assert observed.state is State.DEFINED
    assert not (observed.hypervisor or Process(0, 0)).is_alive


def test_a_guest_without_an_emulated_display_is_not_ours_to_see(site: Site) -> None:
    """The refusal says what to do instead."""
    start(request(site, "blind"), site)
    with pytest.raises(Refused, match="not the host's to read") as caught:
        screen("blind", site, site.paths.state.parent / "x.png")
    assert "serial.log" in str(caught.value.hint)


def test_stop_finds_a_guest_that_is_already_gone(site: Site) -> None:
    """An orderly end from inside is `stopped`, and stop only gives back."""
    start(request(site, "fw"), site)
    with open_monitor(site.run_dir("fw").file("supervisor.qmp")) as monitor:
        monitor.quit()
    wait_for(lambda: observe(site.run_dir("fw")).state is State.STOPPED)
    assert stop("fw", site).state is State.DEFINED
