"""The floor: a bare echo. `python -m tools.bench.ads.echo asyncio|uvloop HOST PORT`

A 4-byte Read and its answer are both 50 bytes long, so a server that sends back what came moves exactly the bytes that
an ADS server moves, and looks at none of them. No server in Python on the same event loop can be faster.
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast


class Echo(asyncio.Protocol):
    """Bytes in, the same bytes out."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


async def serve(host: str, port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, host, port)
    print("ready", flush=True)
    await server.serve_forever()


def main() -> None:
    kind, host, port = sys.argv[1:]
    if kind == "uvloop":
        import uvloop

        uvloop.run(serve(host, int(port)))
    else:
        asyncio.run(serve(host, int(port)))


if __name__ == "__main__":
    main()
