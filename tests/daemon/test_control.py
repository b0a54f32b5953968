"""`dinrail up` with a control: it runs beside router and supervisor, and neither's end is felt."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ads_process import NET_ID, PLC, Raw, own_address, wait_until

from dinrail.control.settings import ControlSettings, TaskSettings
from dinrail.daemon.application import application_image
from dinrail.errors import BadRequest, Refused
from dinrail.host.paths import Paths

pytestmark = pytest.mark.control
MAIN = "PROGRAM MAIN\nVAR n : UDINT; END_VAR\nn := n + 1;\nEND_PROGRAM\n"


class Site:
    """A document with a control, and directories of its own."""

    def __init__(self, directory: Path) -> None:
        self.address = own_address()
        self.env = os.environ | {"DINRAIL_STATE": str(directory / "state"), "DINRAIL_RUN": str(directory / "run")}
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
