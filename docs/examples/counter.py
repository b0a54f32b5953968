"""The smallest device: one group, one number. `python counter.py 127.0.0.1`"""

from __future__ import annotations

import sys

from dinrail.ads.device.access import Access, Later
from dinrail.ads.device.device import AdsDevice
from dinrail.ads.settings import AdsSettings, Door, Listen
from dinrail.daemon.router.place import Place
from dinrail.daemon.router.process import RouterProcess
from dinrail.daemon.router.serve import serve_until_ended
from dinrail.system_clock import SystemClock


class MyDevice(AdsDevice):
    """0x1000:0 counts the reads; a write sets the count."""

    name, version = "Counter", (1, 0, 0)
    count = 0

    def read(self, access: Access) -> bytes | Later:
        """Four bytes at 0x1000:0."""
        if (access.group, access.offset) != (0x1000, 0):
            return super().read(access)
        self.count += 1
        return self.count.to_bytes(4, "little")

    def write(self, access: Access, data: bytes) -> Later | None:
        """The same four bytes."""
        if (access.group, access.offset) != (0x1000, 0):
            return super().write(access, data)
        self.count = int.from_bytes(data[:4], "little")
        return None


def main(address: str) -> None:
    """Serve until Ctrl-C or SIGTERM."""
    settings = AdsSettings(listen=(Listen(Door.PLAIN, address),))
    router = RouterProcess(settings, Place(), SystemClock(), {852: MyDevice()})

    def say() -> None:
        sys.stdout.write(f"{router.net_id} at {address}, AMS port 852\n")
        sys.stdout.flush()

    serve_until_ended(router, say)


if __name__ == "__main__":
    main(*sys.argv[1:2] or ["127.0.0.1"])
