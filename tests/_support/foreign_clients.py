"""Other people's clients in processes of their own: a case goes in, one JSON object comes out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from ads_process import NET_ID, Serving

HERE = Path(__file__).resolve().parent.parent / "foreign"


def node_argv(script: str, case: str, server: Serving, *more: str) -> list[str]:
    return ["node", str(HERE / script), case, server.address, str(server.port), str(NET_ID), *more]


def node(script: str, case: str, server: Serving, *more: str) -> Any:
    """What a node script says of a case; its error output is the failure."""
    return _json(node_argv(script, case, server, *more))


def pyads(case: str, server: Serving, *more: str) -> Any:
    """What the pyads script says of a case."""
    return _json([sys.executable, str(HERE / "pyads_client.py"), case, server.address, str(NET_ID), *more])


def _json(argv: list[str]) -> Any:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])
