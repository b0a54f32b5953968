"""Routes of a router by its system service (port 10000)."""

from __future__ import annotations

from dinrail.ads.client.connection import AdsClient
from dinrail.ams.address import AmsAddr
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.ams.remote import MAX_REMOTE_BYTES, AddRemote
from dinrail.ams.service import ServiceGroup

MAX_ROUTES = 10_000


async def routes_of(client: AdsClient, target: AmsAddr) -> list[AddRemote]:
    """All routes of a router, in its order. Raises AdsFault."""
    found: list[AddRemote] = []
    while len(found) < MAX_ROUTES:
        try:
            data = await client.read(
                target, ServiceGroup.ENUMERATE_REMOTE, len(found), MAX_REMOTE_BYTES, where=f"route {len(found)}"
            )
        except AdsFault as fault:
            if fault.code in (AdsError.NO_MORE_HANDLES, AdsError.NOT_FOUND):
                break
            raise
        found.append(AddRemote.parse(data))
    return found
