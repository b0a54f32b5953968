"""Where a router keeps things, and who it is: its directory, its NetId, its name."""

from __future__ import annotations

import hashlib
import logging
import socket
from dataclasses import dataclass
from pathlib import Path

from dinrail.ams.address import NetId

LOG = logging.getLogger("dinrail.ads")
_MACHINE_ID = Path("/etc/machine-id")
_HOST_ID = Path("/etc/hostid")  # FreeBSD's


@dataclass(frozen=True, slots=True)
class Place:
    """state: directory that outlives the process; None: nothing is kept.

    socket: where `status` is answered, if at all.
    """

    state: Path | None = None
    socket: Path | None = None

    def at(self, name: str) -> Path | None:
        """A file or directory of that name in the state directory; None where nothing is kept."""
        return None if self.state is None else self.state / name


def host_name() -> str:
    """This machine's name without its domain."""
    return socket.gethostname().partition(".")[0] or "dinrail"


def machine_net_id() -> NetId:
    """A NetId that stays the same on this machine, whatever its addresses are: 5.x.y.z.1.1 from its machine id.

    5.x.y.z is what TwinCAT devices have from their network card; a NetId made of an IP address would change with it,
    which is what breaks clients in containers.
    """
    for path in (_MACHINE_ID, _HOST_ID):
        try:
            text = path.read_text().strip()
        except OSError:
            continue
        if text:
            break
    else:
        text = socket.gethostname()
        LOG.warning("no machine id here: our NetId follows from the host name %r; set `net_id` to keep one", text)
    digest = hashlib.sha256(b"dinrail net id\0" + text.encode()).digest()
    return NetId(bytes((5, *digest[:3], 1, 1)))
