"""A server with a door for this machine and one for each of two guests, and clients that come in by them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ads_process import Raw, Serving, document, own_address, serving

from dinrail.ams.address import AmsAddr, NetId

HMI = AmsAddr.parse("10.0.0.2.1.1:30000")
CAM = AmsAddr.parse("10.0.0.3.1.1:30000")
RULES = """
[[ads.rule]]
name = "office"
from = { networks = ["127.0.0.50"] }
preset = "read-only"
[[ads.rule]]
name = "office: no more"
from = { networks = ["127.0.0.50"] }
deny = true

[[ads.rule]]
name = "panel"
from = { networks = ["127.0.0.60"] }
allow = ["read", "write"]
ports = ["851"]
symbols = ["GVL_Types.*"]
[[ads.rule]]
name = "panel: no more"
from = { networks = ["127.0.0.60"] }
deny = ["read", "write", "call", "control", "admin"]

[[ads.rule]]
name = "logger"
from = { networks = ["127.0.0.70"] }
allow = ["read", "write"]
ports = ["851"]
groups = ["0x4020-0x4021"]
[[ads.rule]]
name = "logger: no more"
from = { networks = ["127.0.0.70"] }
deny = true

[[ads.rule]]
name = "hmi"
from = { guests = ["hmi"] }
allow = ["read", "write"]
ports = ["851"]
symbols = ["GVL_Types.*", "MAIN.aInts"]
[[ads.rule]]
name = "hmi calls"
from = { guests = ["hmi"] }
allow = ["call"]
ports = ["851"]
symbols = ["MAIN.fbCalculator#Add"]
"""
GUESTS = "".join(f'[guest.{name}]\nos = "linux"\ncpus = 1\nmemory = "512M"\n' for name in ("hmi", "cam"))
EVERYTHING = '[[ads.rule]]\nname = "off"\npreset = "full"\n'


@dataclass(frozen=True, slots=True)
class Plant:
    """One server with a door for this machine and one for each of two guests."""

    server: Serving
    hmi: str
    cam: str
    status: Path
    log: Path

    def client(self, who: str) -> Raw:
        """A client of that name."""
        if who == "hmi":
            return Raw((self.hmi, 48898), HMI)
        if who == "cam":
            return Raw((self.cam, 48898), CAM)
        number = {"here": 1, "office": 50, "panel": 60, "logger": 70}[who]
        source = AmsAddr.of(NetId.parse(f"10.20.30.{number}.1.1"), 30000)
        return Raw(self.server.where, source, bind=f"127.0.0.{number}")

    def at(self, door: str) -> Serving:
        """The server as a foreign client is told of it: by that door."""
        return Serving(door, 48898, self.server.process)


@contextmanager
def plant(directory: Path, rules: str, more: str = "") -> Iterator[Plant]:
    """`rules` and `more`: TOML, the latter within `[ads]`."""
    door, hmi, cam = own_address(), own_address(), own_address()
    text = f"""[ads]
listen = ["{door}", {{ at = "{hmi}", guest = "hmi", net_id = "{HMI.net_id}" }}, {{ at = "{cam}", guest = "cam" }}]
files = "files"
{more}
{rules}
{GUESTS}"""
    status, log = directory / "socket", directory / "log"
    config = document(directory, text)
    (directory / "files" / "generic").mkdir(parents=True)
    (directory / "files" / "generic" / "there.txt").write_text("here I am\n")
    with serving("--simulate", *config, "--socket", str(status), address=door, own_doors=True, log=log) as server:
        yield Plant(server, hmi, cam, status, log)
