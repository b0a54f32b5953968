"""All subscriptions of one client: samples to their subscription, handles that nobody knows to their end.

A sample may come before the answer that tells its handle, and it may come for a handle of a life before this one: the
first is kept until the answers under way are there, the second is deleted at the device (as ads-client does).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Coroutine
from typing import TYPE_CHECKING

from dinrail.ads.client.core import Answer, Notified
from dinrail.ads.client.faults import GONE, LinkLost
from dinrail.ads.client.subscription import Extent, Sample, Subscription
from dinrail.ams.address import AmsAddr, NetId, Port
from dinrail.ams.command import OK, RESULT_LENGTH, AddNotificationRequest
from dinrail.ams.errors import AdsFault
from dinrail.ams.frame import Command
from dinrail.ams.notification import parse_notification
from dinrail.ams.service import ServiceGroup, SystemState
from dinrail.errors import FormatError
from dinrail.layout import decode, layout_of

if TYPE_CHECKING:
    from dinrail.ads.client.connection import AdsClient
    from dinrail.ads.client.options import Options

MAX_EARLY = 10_000
MAX_DELETIONS = 64
"""Deletions of unknown handles under way at a time; samples for more of them are only counted."""


class Hub:
    """strangers: samples for handles that are not ours. malformed: notifications that could not be read."""

    def __init__(self, client: AdsClient) -> None:
        self._client = client
        self._all: set[Subscription] = set()
        self._by_handle: dict[tuple[AmsAddr, int], Subscription] = {}
        self._adding: Counter[AmsAddr] = Counter()
        self._early: dict[tuple[AmsAddr, int], list[Sample]] = {}
        self._early_count = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._watchers: dict[NetId, asyncio.Task[None]] = {}
        self._deleting: set[tuple[AmsAddr, int]] = set()
        self.strangers = 0
        self.malformed = 0

    @property
    def options(self) -> Options:
        return self._client.options

    @property
    def active(self) -> int:
        """Subscriptions that have a handle."""
        return len(self._by_handle)

    async def add(self, subscription: Subscription, extent: Extent) -> None:
        """Add the notification at the device. Raises AdsFault."""
        device = self._client.same_device(subscription.target)
        rhythm = subscription.rhythm
        body = AddNotificationRequest(
            extent.group, extent.offset, extent.size_bytes, rhythm.mode, rhythm.max_delay_100ns, rhythm.cycle_100ns
        ).encode()

        def at_once(answer: Answer) -> None:
            # Errors are told by `request`; a handle has to be known before the samples right behind it are looked at.
            if not answer.error and len(answer.body) >= RESULT_LENGTH.size and answer.body.startswith(OK):
                self._register(subscription, device, RESULT_LENGTH.unpack_from(answer.body)[1])

        self._adding[device] += 1
        try:
            where = f"{subscription.name or f'{extent.group:#x}:{extent.offset:#x}'} at {subscription.target}"
            await self._client.request(
                subscription.target, Command.ADD_NOTIFICATION, body, where=where, at_once=at_once
            )
        finally:
            self._adding[device] -= 1
            if not self._adding[device]:
                del self._adding[device]
                self._settle(device)
        self._all.add(subscription)
        self._watch(subscription.target.net_id)

    async def drop(self, subscription: Subscription) -> None:
        """Delete the notification at the device, as far as it still answers."""
        handle = subscription.handle
        self.forget(subscription)
        if subscription.closed:
            self._all.discard(subscription)
        if handle is not None:
            with contextlib.suppress(AdsFault, FormatError):
                await self._client.delete_notification(subscription.target, handle)

    def abandon(self, subscription: Subscription) -> None:
        """Whoever wanted it does not wait any more; its handle may have come in that very moment."""
        subscription.closed = True
        handle = subscription.handle
        self.forget(subscription)
        if handle is not None:
            self._delete((self._client.same_device(subscription.target), handle))

    def forget(self, subscription: Subscription) -> None:
        """The handle is worth nothing any more."""
        if subscription.handle is not None:
            key = (self._client.same_device(subscription.target), subscription.handle)
            if self._by_handle.get(key) is subscription:
                del self._by_handle[key]
            subscription.handle = None

    def renew_all(self, *, forget: bool, net_id: NetId | None = None) -> None:
        """Add all again, or all of one device."""
        for subscription in list(self._all):
            if net_id is None or subscription.target.net_id == net_id:
                subscription.renew(forget=forget)

    def lost_link(self, final: AdsFault | None) -> None:
        """All handles went with the connection. final: there will be no other, so all subscriptions end with it."""
        for subscription in list(self._all):
            self.forget(subscription)
            if final is not None:
                subscription.end(final)
        self._by_handle.clear()
        self._early.clear()
        self._early_count = 0

    async def close(self) -> None:
        """End all subscriptions, together."""
        for task in [*self._watchers.values(), *self._tasks]:
            task.cancel()
        await asyncio.gather(*(subscription.close() for subscription in list(self._all)))

    def notified(self, event: Notified) -> None:
        """One DeviceNotification frame. Called by the link."""
        device = self._client.same_device(event.source)
        try:
            stamps = parse_notification(event.payload)
        except FormatError:
            self.malformed += 1
            return
        for stamp, samples in stamps:
            for handle, data in samples:
                subscription = self._by_handle.get((device, handle))
                if subscription is not None:
                    subscription.deliver(Sample(stamp, data))
                else:
                    self._unknown((device, handle), Sample(stamp, data))

    def _register(self, subscription: Subscription, device: AmsAddr, handle: int) -> None:
        if subscription.closed:
            self._unknown((device, handle), Sample(0, b""))
            return
        subscription.handle = handle
        self._by_handle[(device, handle)] = subscription
        for sample in self._early.pop((device, handle), []):
            self._early_count -= 1
            subscription.deliver(sample)

    def _unknown(self, key: tuple[AmsAddr, int], sample: Sample) -> None:
        if self._adding.get(key[0]) and self._early_count < MAX_EARLY:
            self._early.setdefault(key, []).append(sample)
            self._early_count += 1
            return
        self.strangers += 1
        self._delete(key)

    def _settle(self, device: AmsAddr) -> None:
        """No answer is under way any more: what is still unclaimed belongs to nobody."""
        for key in [key for key in self._early if key[0] == device]:
            count = len(self._early.pop(key))
            self._early_count -= count
            self.strangers += count
            self._delete(key)

    def _delete(self, key: tuple[AmsAddr, int]) -> None:
        if key in self._deleting or len(self._deleting) >= MAX_DELETIONS:
            return

        async def delete() -> None:
            try:
                with contextlib.suppress(AdsFault, FormatError):
                    await self._client.delete_notification(*key)
            finally:
                self._deleting.discard(key)

        self._deleting.add(key)
        self._spawn(delete())

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _watch(self, net_id: NetId) -> None:
        if self.options.check_restart_s and net_id not in self._watchers:
            task = asyncio.get_running_loop().create_task(self._watch_restart(net_id))
            self._watchers[net_id] = task

    async def _watch_restart(self, net_id: NetId) -> None:
        """A device behind a router may restart without our connection noticing: its restart index tells.

        Ends for a device whose system service does not tell its state.
        """
        service = AmsAddr.of(net_id, Port.SYSTEM_SERVICE)
        known: int | None = None
        away = False
        while True:
            try:
                told = await self._client.read(service, ServiceGroup.SYSTEM_STATE, 0, layout_of(SystemState).size_bytes)
                index = decode(SystemState, told).restart_index
            except (AdsFault, FormatError) as fault:
                if not isinstance(fault, AdsFault) or fault.code not in GONE:
                    return
                # A lost connection of our own is not the device's restart: `renew_all` comes with the next one.
                away = away or (known is not None and not isinstance(fault, LinkLost))
            else:
                if away or known not in (None, index):
                    self.renew_all(forget=False, net_id=net_id)
                known, away = index, False
            await asyncio.sleep(self.options.check_restart_s)
