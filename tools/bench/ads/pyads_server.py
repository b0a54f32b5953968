"""pyads' own test server: `python -m tools.bench.ads.pyads_server basic|advanced HOST`, until it is ended.

It keeps every request that it ever got (`request_history`), which is emptied here from time to time.
"""

from __future__ import annotations

import signal
import sys
import threading

from pyads import constants
from pyads.testserver import AdsTestServer, AdvancedHandler, BasicHandler, PLCVariable

from tools.bench.ads.load import AMS_PORT, MEMORY, VARIABLES, variable


def main() -> None:
    kind, host = sys.argv[1:]
    handler = BasicHandler()
    if kind == "advanced":
        handler = AdvancedHandler()
        for n in range(VARIABLES):
            handler.add_variable(PLCVariable(variable(n), n, constants.ADST_UINT32, "UDINT", MEMORY, 4 * n))
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    server = AdsTestServer(handler=handler, ip_address=host, port=AMS_PORT, logging=False)
    server.start()
    print("ready", flush=True)
    while not ended.wait(0.5):
        server.request_history.clear()


if __name__ == "__main__":
    main()
