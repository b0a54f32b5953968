"""Name and password of somebody who wants a route, however they came: tried seldom enough that guessing is hopeless.

One `Gate` for the whole router (discovery, Secure ADS, the system service), so that the doors share their count:

    each address  a few tries are free, then each wrong one doubles the wait, up to a quarter of an hour
    all together  a bucket: a guesser with many addresses, or with forged ones, gets no further either

An address can be forged (UDP), and so be locked out by somebody else: that costs a wait, never access to the control.
The tables are bounded. Time comes from the caller's clock.
"""

from __future__ import annotations

import enum
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from dinrail.ads.contract import Origin
from dinrail.ads.policy.rule import parse_address
from dinrail.errors import DinrailError
from dinrail.units import S_NS

LOG = logging.getLogger("dinrail.ads.admission")

FREE_TRIES = 3
FIRST_WAIT_NS = 2 * S_NS
LONGEST_WAIT_NS = 900 * S_NS
FORGET_NS = 3600 * S_NS
MAX_ADDRESSES = 1024
BUCKET_TRIES = 20
REFILL_NS = 2 * S_NS
"""One more try for everybody together after so long."""
MAX_SECRET_CHARACTERS = 1024

Check = Callable[[str, str], Awaitable[bool]]
"""Whether user and password go together. Takes its time; raises DinrailError when it cannot say."""


class Admission(enum.StrEnum):
    """What became of a try."""

    YES = "yes"
    WRONG = "wrong"
    WAIT = "wait"  # too many wrong ones: the password was not even looked at
    BROKEN = "broken"  # it could not be checked


class Bucket:
    """A token bucket: `size` at once, one more every `refill_ns`."""

    __slots__ = ("_full_at_ns", "_refill_ns", "_size")

    def __init__(self, size: int, refill_ns: int) -> None:
        self._size = size
        self._refill_ns = refill_ns
        self._full_at_ns = 0

    def take(self, now_ns: int) -> bool:
        """Whether one was left; takes it."""
        full_at_ns = max(self._full_at_ns, now_ns) + self._refill_ns
        if full_at_ns - now_ns > self._size * self._refill_ns:
            return False
        self._full_at_ns = full_at_ns
        return True

    def give_back(self) -> None:
        """The one just taken was not used up."""
        self._full_at_ns -= self._refill_ns


@dataclass(slots=True)
class _Record:
    wrong: int
    last_ns: int

    def open_at_ns(self) -> int:
        """When the next try is allowed."""
        beyond = self.wrong - FREE_TRIES
        if beyond < 0:
            return self.last_ns
        return self.last_ns + min(FIRST_WAIT_NS << min(beyond, 30), LONGEST_WAIT_NS)


class Attempts:
    """Wrong tries by address. A try counts as wrong from its beginning, so that many at once gain nothing."""

    def __init__(self) -> None:
        self._records: dict[str, _Record] = {}
        self._all = Bucket(BUCKET_TRIES, REFILL_NS)

    def __len__(self) -> int:
        return len(self._records)

    def begin(self, address: str, now_ns: int) -> bool:
        """Whether this address may try now."""
        key = neighbourhood(address)
        record = self._records.get(key)
        if record is not None and now_ns - record.last_ns >= FORGET_NS:
            record.wrong = 0
        if record is not None and record.wrong >= FREE_TRIES and now_ns < record.open_at_ns():
            return False
        if not self._all.take(now_ns):
            return False
        if record is None:
            self._make_room(now_ns)
            record = self._records[key] = _Record(0, now_ns)
        record.wrong += 1
        record.last_ns = now_ns
        return True

    def right(self, address: str) -> None:
        """The try that began was right: nothing is left of it."""
        self._records.pop(neighbourhood(address), None)
        self._all.give_back()

    def not_checked(self, address: str) -> None:
        """The try that began could not be judged."""
        record = self._records.get(neighbourhood(address))
        if record is not None and record.wrong:
            record.wrong -= 1

    def _make_room(self, now_ns: int) -> None:
        """Forget what is old; when all are new, the one whose wait is over first (the bucket still holds)."""
        if len(self._records) < MAX_ADDRESSES:
            return
        for key, record in list(self._records.items()):
            if now_ns - record.last_ns >= FORGET_NS:
                del self._records[key]
        if len(self._records) >= MAX_ADDRESSES:
            del self._records[min(self._records, key=lambda key: self._records[key].open_at_ns())]


def neighbourhood(address: str) -> str:
    """What counts as one address: a v4 address, or the /64 that a v6 host may choose from as it likes."""
    known = parse_address(address)
    if known is None:
        return ""
    return str(known) if known.version == 4 else known.packed[:8].hex()


class Gate:
    """Checks credentials, and remembers who was wrong.

    check:  None when nobody may.
    now_ns: a monotonic clock.
    """

    def __init__(self, check: Check | None, now_ns: Callable[[], int]) -> None:
        self._check = check
        self._now_ns = now_ns
        self._attempts = Attempts()
        self._locked: set[str] = set()
        self.counts: dict[str, int] = {outcome.value: 0 for outcome in Admission}

    @property
    def is_open(self) -> bool:
        """Whether there is anything that could be right."""
        return self._check is not None

    async def admit(self, origin: Origin, user: str, password: str) -> Admission:
        """Try these credentials. Never raises for any text."""
        outcome = await self._try(origin.address, user, password)
        self.counts[outcome.value] += 1
        return outcome

    async def _try(self, address: str, user: str, password: str) -> Admission:
        if self._check is None:
            return Admission.WRONG
        place = neighbourhood(address)
        if not self._attempts.begin(address, self._now_ns()):
            if place not in self._locked and len(self._locked) < MAX_ADDRESSES:
                self._locked.add(place)
                LOG.warning("%s: too many wrong passwords, waiting", address or "(no address)")
            return Admission.WAIT
        self._locked.discard(place)
        if not user or not password or max(len(user), len(password)) > MAX_SECRET_CHARACTERS:
            return Admission.WRONG
        try:
            right = await self._check(user, password)
        except DinrailError as fault:
            self._attempts.not_checked(address)
            LOG.warning("credentials cannot be checked: %s", fault)
            return Admission.BROKEN
        if not right:
            LOG.warning("%s: wrong password for %r", address or "(no address)", user[:64])
            return Admission.WRONG
        self._attempts.right(address)
        return Admission.YES
