"""`dinrail up` with a control: it runs beside router and supervisor, and neither's end is felt."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from ads_process import NET_ID, PLC, Raw, own_address, wait_until

from dinrail.ads.settings import AdsSettings, Door, Listen
from dinrail.control.settings import ControlSettings, TaskSettings
from dinrail.daemon.application import application_image
from dinrail.daemon.client import ask, run_in_background
from dinrail.daemon.control import control_status
from dinrail.daemon.launch import RouterFiles, ask_router, start_router, stop_router
from dinrail.daemon.protocol import Op, Request
from dinrail.errors import BadRequest, Refused
from dinrail.host.paths import Paths

pytestmark = pytest.mark.control
KILLS = 50
MAIN = "PROGRAM MAIN\nVAR n : UDINT; END_VAR\nn := n + 1;\nEND_PROGRAM\n"


class Site:
    """A document with a control, and directories of its own."""

    def __init__(self, directory: Path) -> None:
        self.address = own_address()
        self.env = os.environ | {"DINRAIL_STATE": str(directory / "state"), "DINRAIL_RUN": str(directory / "run")}
        self.directory = directory
        self.run = directory / "run"
        (directory / "plc").mkdir()
        (directory / "plc" / "MAIN.st").write_text(MAIN)
        self.document = directory / "dinrail.toml"
        self.document.write_text(
            f'[control]\nproject = "plc"\n[[control.task]]\ncycle = "2 ms"\n'
            f'[ads]\nnet_id = "{NET_ID}"\nlisten = ["{self.address}"]\ndiscovery = false\n'
        )

    def dinrail(self, *words: str) -> Any:
        """What a command says as JSON."""
        argv = (sys.executable, "-m", "dinrail", "--json", *words)
        done = subprocess.run(argv, env=self.env, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def cycles(self) -> int:
        return int(self.dinrail("status")["control"]["tasks"][0]["cycles"])


@pytest.fixture
def site() -> Iterator[Site]:
    with tempfile.TemporaryDirectory(prefix="dinrail-test-") as directory:
        Path(directory).chmod(0o755)  # the router of root runs as another user, who must get to its own files
        made = Site(Path(directory))
        try:
            yield made
        finally:
            made.dinrail("down", "--router", "--control")


def test_the_control_outlives_router_and_supervisor(site: Site) -> None:
    """Both are killed with -9: the task goes on, `status` says so, `up` finds it again and serves it, and `down` ends
    it only when it is told to."""
    up = site.dinrail("up", "--config", str(site.document))
    assert up["control"]["state"] == "run"
    for pid in (up["pid"], up["router"]["pid"]):
        os.kill(pid, signal.SIGKILL)
    told = site.dinrail("status")
    assert (told["supervisor"], told["router"]) == ("down", None)
    assert told["control"]["pid"] == up["control"]["pid"]
    before = site.cycles()
    wait_until(lambda: site.cycles() > before, "the task goes on")
    again = site.dinrail("up", "--config", str(site.document))
    assert again["control"]["pid"] == up["control"]["pid"]
    assert again["router"]["pid"] != up["router"]["pid"]

    def served() -> bool:
        with Raw((site.address, 48898)) as raw:
            header, _ = raw.ask(PLC, 4)
            return header.error == 0 and raw.read_write(PLC, 0xF004, 0, 4, b"MAIN.n")[0] == 0

    wait_until(served, "port 851 is served")
    site.dinrail("down", "--router")
    assert site.dinrail("status")["control"]["pid"] == up["control"]["pid"]
    site.dinrail("down", "--control")
    assert site.dinrail("status")["control"] is None


def test_router_and_supervisor_killed_fifty_times_are_not_felt(site: Site) -> None:
    """Killed with -9 and started again, the supervisor first or the router first: between any two rounds the task has
    gone on, it is the same control at the end, and no more than one router ever came of it."""
    site.dinrail("up", "--config", str(site.document))
    paths = Paths(site.directory / "state", site.run)
    settings = AdsSettings.from_json(RouterFiles.of(paths).settings.read_bytes(), where="router.json")
    control = _told(paths)
    counts = [control["tasks"][0]["cycles"]]
    routers: set[int] = set()
    for number in range(KILLS):
        supervisor, router = ask(paths, Request(Op.STATUS)), ask_router(paths, "status")
        assert supervisor is not None
        assert router is not None
        routers.add(router["pid"])
        for pid in sorted((supervisor["pid"], router["pid"]), reverse=number % 2 == 0):
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: ask(paths, Request(Op.STATUS)) is None, "the supervisor is gone")
        run_in_background(paths)
        start_router(settings, paths)
        counts.append(_told(paths)["tasks"][0]["cycles"])
    assert all(late > early for early, late in pairwise(counts))
    assert len(routers) == KILLS
    after = _told(paths)
    assert (after["pid"], after["state"], after["restart_index"]) == (control["pid"], "run", control["restart_index"])
    assert RouterFiles.of(paths).log.read_text(errors="replace").count("cannot listen") == 0


def test_two_who_start_the_router_get_the_same_one() -> None:
    """The supervisor and `up` may do so at the same moment: one starts it, the other waits for it."""
    with tempfile.TemporaryDirectory(prefix="dinrail-test-") as directory:
        Path(directory).chmod(0o755)
        paths = Paths(Path(directory) / "state", Path(directory) / "run")
        settings = AdsSettings(listen=(Listen(Door.PLAIN, own_address()),), discovery=False)
        try:
            with ThreadPoolExecutor(4) as pool:
                told = list(pool.map(lambda _: start_router(settings, paths)["pid"], range(4)))
        finally:
            stop_router(paths)
        assert len(set(told)) == 1
        assert RouterFiles.of(paths).log.read_text().count(" up, pid ") == 1


def test_two_who_start_the_supervisor_get_the_same_one(tmp_path: Path) -> None:
    """One comes up, the other has ended by itself when both callers hear the one that is up."""
    paths = Paths(tmp_path / "state", tmp_path / "run")
    try:
        with ThreadPoolExecutor(4) as pool:
            told = list(pool.map(lambda _: run_in_background(paths)["pid"], range(4)))
    finally:
        ask(paths, Request(Op.DOWN))
    assert len(set(told)) == 1
    assert (paths.run / "supervisor.log").read_text().count("a supervisor is running already") == 3


def _told(paths: Paths) -> Mapping[str, Any]:
    told = control_status(paths)
    assert told is not None, "the control is gone"
    return told


def test_a_project_with_errors_is_not_started(tmp_path: Path) -> None:
    """What is wrong is said before anything runs; an image that is not there, too."""
    (tmp_path / "MAIN.st").write_text(MAIN.replace("n + 1", "nothing + 1"))
    paths = Paths(tmp_path / "state", tmp_path / "run")
    with pytest.raises(Refused) as caught:
        application_image(ControlSettings(project=str(tmp_path), tasks=(TaskSettings(),)), paths)
    assert any("nothing" in line for line in caught.value.details)
    with pytest.raises(BadRequest):
        application_image(ControlSettings(image=str(tmp_path / "none.image")), paths)
    assert not paths.state.exists()
