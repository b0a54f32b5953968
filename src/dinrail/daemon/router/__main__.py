"""How the supervisor starts a router: `python -m dinrail.daemon.router --settings FILE --state DIR --socket PATH`

With `--user NAME` it gives up root for that user once its code is loaded, and before it takes a byte from anywhere.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from dinrail.ads.settings import MAX_JSON_BYTES, AdsSettings
from dinrail.daemon.router.place import Place
from dinrail.daemon.router.plcs import simulated_plcs
from dinrail.daemon.router.privilege import become, load_all
from dinrail.daemon.router.process import RouterProcess
from dinrail.daemon.router.serve import serve_until_ended
from dinrail.errors import DinrailError
from dinrail.files import read_file
from dinrail.system_clock import SystemClock


def main() -> int:
    parser = argparse.ArgumentParser(prog="dinrail-router", description=__doc__)
    for name in ("settings", "state", "socket"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--user")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        data = read_file(given.settings, max_bytes=MAX_JSON_BYTES)
        settings = AdsSettings.from_json(data, where=str(given.settings))
        if given.user is not None:
            load_all(settings)
            become(given.user)
        plcs = simulated_plcs(settings.simulate)
        process = RouterProcess(settings, Place(given.state, given.socket), SystemClock(), plcs)
        serve_until_ended(process, lambda: None)
    except DinrailError as fault:
        sys.stderr.write("dinrail-router: " + "\n".join(fault.lines()) + "\n")
        return fault.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
