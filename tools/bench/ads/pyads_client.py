"""A pyads client that is told what to do: `python -m tools.bench.ads.pyads_client HOST NETID`.

Each line on standard input is a number: so many `read_by_name` follow, and the line that comes back is the nanoseconds
they took. A line that is no number ends it.
"""

from __future__ import annotations

import sys
import time

import pyads

from tools.bench.ads.load import variable

NAMES = 100
"""So many names in turn."""


def main() -> None:
    host, net_id = sys.argv[1:]
    plc = pyads.Connection(net_id, 851, host)
    plc.open()
    plc.set_timeout(5000)
    print("ready", flush=True)
    for line in sys.stdin:
        if not line.strip().isdigit():
            break
        begun_ns = time.perf_counter_ns()
        for number in range(int(line)):
            value = plc.read_by_name(variable(number % NAMES), pyads.PLCTYPE_UDINT)
            if value != number % NAMES:
                raise RuntimeError(f"{variable(number % NAMES)} is {value}")
        print(time.perf_counter_ns() - begun_ns, flush=True)
    plc.close()


if __name__ == "__main__":
    main()
