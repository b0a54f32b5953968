"""One write to one file, as a program: `python -I -S writer.py PATH VALUE`, answering {"errno": N} on its output.

A process of its own, because a write to a driver's `unbind` may never return, and then nothing can kill the writer.
One write call, no truncation, no creation: attributes of /sys act on each call.
"""

from __future__ import annotations

import json
import os
import sys


def write_once(path: str, value: str) -> int:
    """0, or the errno of what failed."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, value.encode())
        finally:
            os.close(fd)
    except OSError as fault:
        return fault.errno or 5
    return 0


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"errno": write_once(sys.argv[1], sys.argv[2])}))
