"""The control brought up and ended as `dinrail up` and `down --control` do it. Runs in the virtual PC, as root.

python cores_lab.py up IMAGE CORE     prints the control's status, and what could not be had
python cores_lab.py down
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from dinrail.control.options import ControlOptions
from dinrail.daemon.control import ControlFiles, start_control, stop_control
from dinrail.host.paths import Paths


def main(words: list[str]) -> None:
    paths = Paths.default()
    if words[0] == "up":
        options = ControlOptions(Path(words[1]), ControlFiles.of(paths).channel, cores=(int(words[2]),))
        sys.stdout.write(json.dumps(start_control(options, paths)) + "\n")
    else:
        sys.stdout.write(json.dumps(stop_control(paths)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
