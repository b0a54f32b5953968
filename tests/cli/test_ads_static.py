"""StaticRoutes.xml to a real router and back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ads_process import Serving, serving

pytestmark = pytest.mark.ads

FILE = """<?xml version="1.0"?>
<TcConfig><RemoteConnections>
  <Route><Name>press</Name><Address>127.0.0.5</Address><NetId>5.80.1.2.1.1</NetId>
    <Type>TCP_IP</Type><Flags>64</Flags></Route>
  <Route><Name>one way</Name><Address>127.0.0.6</Address><NetId>5.80.1.3.1.1</NetId>
    <Type>TCP_IP</Type><Flags>128</Flags></Route>
  {more}
</RemoteConnections></TcConfig>
"""
SECURE = (
    "<Route><Name>tls</Name><Address>127.0.0.7</Address><NetId>5.80.1.4.1.1</NetId><Type>TCP_IP</Type><Tls/></Route>"
)


@pytest.fixture(scope="module")
def server() -> Iterator[Serving]:
    with serving() as running:
        yield running


def route(server: Serving, *words: str, code: int = 0) -> str:
    argv = [sys.executable, "-m", "dinrail", "ads", "route", *words]
    env = os.environ | {"DINRAIL_ADS": f"{server.address}:{server.port}"}
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def test_a_file_of_routes_goes_in_and_comes_out(server: Serving, tmp_path: Path) -> None:
    """Routes are added once, TLS ones are told, one that contradicts is not taken; export gives what is there."""
    file = tmp_path / "StaticRoutes.xml"
    file.write_text(FILE.format(more=SECURE))
    assert "needs `pin`" in route(server, "import", str(file), code=1)
    file.write_text(FILE.format(more=""))
    assert route(server, "import", str(file)).count("is there already") == 2
    file.write_text(FILE.format(more="").replace("127.0.0.5", "127.0.0.9"))
    assert "reached at 127.0.0.5 already" in route(server, "import", str(file), code=1)
    exported = tmp_path / "exported.xml"
    exported.write_text(route(server, "export"))
    assert "<Flags>128</Flags>" in exported.read_text()
    told = json.loads(route(server, "import", str(exported), "--json"))
    assert [one["name"] for one in told["routes"]] == ["press", "one way"]


def test_a_faulty_file_adds_nothing(server: Serving, tmp_path: Path) -> None:
    """Every fault is told with its line, and the good routes of the file are not added either."""
    file = tmp_path / "faulty.xml"
    bad = "<Route><Name>bad</Name><Address>x</Address><NetId>1.2.3</NetId></Route>"
    file.write_text(FILE.format(more=bad).replace("5.80.1.2.1.1", "5.80.9.9.1.1"))
    assert "1.2.3" in route(server, "import", str(file), code=2)
    assert "5.80.9.9.1.1" not in route(server, "list")
