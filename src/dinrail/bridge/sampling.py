"""Notifications in the tasks' own cycles: one engine for each task, whose clock is what the task publishes.

A sample's stamp is its cycle's own time, whenever this process came to read it; values of one cycle go together. What
was published since the last look is sampled cycle by cycle, as far back as the task's buffers reach; of what is older
the values are never seen (`skipped` counts those cycles). No cycle is sampled twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from dinrail.ads.contract import Peer
from dinrail.ads.device.access import Access, Limits
from dinrail.ads.device.cycles import Cycles
from dinrail.ads.device.gather import Point
from dinrail.ads.device.notify import Notifications
from dinrail.ads.device.subscription import Subscription, Wish
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.bridge.snapshots import Snapshots
from dinrail.control.channel.layout import MOST_BUFFERS
from dinrail.units import MS_NS

MAX_TASKS = 32
"""Handles of task n are n + 1, and so many on: none is another's."""
POLL_NS = MS_NS
"""As often as a task is looked at whose next cycle is due already; what timers here can do."""


class TaskCycles(Cycles):
    """The cycles of one task, numbered by its own counter."""

    __slots__ = ("_number", "_polled_ns", "_snapshots", "_start_ns", "_task", "_wall_start_ns")

    def __init__(self, snapshots: Snapshots, task: int, cycle_ns: int) -> None:
        super().__init__(cycle_ns)
        self._snapshots = snapshots
        self._task = task
        self._number = self._start_ns = self._wall_start_ns = self._polled_ns = 0

    def missed(self, latest: int) -> int:
        """How many cycles lie between the one that was looked at last and this one, of those that may be kept still."""
        return min(max(latest - self._number - 1, 0), MOST_BUFFERS)

    def sync(self, monotonic_ns: int, wall_ns: int) -> None:
        """Look at the task. Raises AdsFault NOT_READY."""
        del wall_ns
        snapshot = self._snapshots.of(self._task)
        self._number = snapshot.cycle_count
        self._start_ns, self._wall_start_ns = snapshot.monotonic_ns, snapshot.wall_ns
        self._polled_ns = monotonic_ns

    def at(self, monotonic_ns: int) -> int:
        """The number of the last published cycle; of a later time, what it will be then."""
        return self._number + max(monotonic_ns - self._polled_ns, 0) // self.cycle_ns

    def start_ns(self, number: int) -> int:
        """When a cycle ought to be published: never at once, so that a late task is not asked without end."""
        return max(self._start_ns + (number - self._number) * self.cycle_ns, self._polled_ns + POLL_NS)

    def wall_ns(self, number: int) -> int:
        return self._wall_start_ns + (number - self._number) * self.cycle_ns


class TaskNotifications:
    """The notifications of a device whose values several tasks own (`ads.device.notifying.Notifying`).

    task_of: whose cycle a subscription is sampled in.
    """

    def __init__(self, snapshots: Snapshots, limits: Limits, task_of: Callable[[Access, Point], int]) -> None:
        self._snapshots = snapshots
        # A cycle that is no longer kept has gone: what lies there now are not its values.
        self._limits = replace(limits, catch_up_cycles=1)
        self._task_of = task_of
        self._engines: list[Notifications] = []
        self._cycles: list[TaskCycles] = []

    def follow(self, cycles_ns: Iterable[int]) -> None:
        """There are so many tasks, with these cycle times. What was subscribed stays where it is."""
        for task, cycle_ns in enumerate(cycles_ns):
            if task < len(self._cycles):
                self._cycles[task].cycle_ns = cycle_ns
                continue
            cycles = TaskCycles(self._snapshots, task, cycle_ns)
            self._cycles.append(cycles)
            engine = Notifications(self._limits, cycles, first_handle=task + 1, handle_step=MAX_TASKS)
            self._engines.append(engine)

    def look(self) -> None:
        """Take every task's snapshot of this moment, so that sampling cannot fail half way. Raises AdsFault."""
        for task in range(len(self._cycles)):
            self._snapshots.of(task)

    # ads.device.notifying.Notifying

    @property
    def task_cycle_ns(self) -> int:
        return min((one.cycle_ns for one in self._cycles), default=10 * MS_NS)

    @property
    def skipped(self) -> int:
        """Cycles whose samples nobody saw."""
        return sum(engine.skipped for engine in self._engines)

    @property
    def samples(self) -> int:
        """Samples that were sent."""
        return sum(engine.samples for engine in self._engines)

    def __len__(self) -> int:
        return sum(len(engine) for engine in self._engines)

    def add(self, access: Access, wish: Wish, point: Point) -> int:
        return self._engines[self._task_of(access, point)].add(access, wish, point)

    def check(self, peer: Peer, handle: int) -> Subscription:
        return self._engine(handle).check(peer, handle)

    def delete(self, peer: Peer, handle: int) -> None:
        self._engine(handle).delete(peer, handle)

    def peer_gone(self, peer: Peer) -> None:
        for engine in self._engines:
            engine.peer_gone(peer)

    def diagnosis(self) -> bytes:
        """0xF091 of all tasks together; a client with some in two tasks is told twice."""
        parts = [engine.diagnosis() for engine in self._engines]
        totals = [sum(int.from_bytes(part[at : at + 4], "little") for part in parts) for at in (0, 4)]
        head = b"".join(total.to_bytes(4, "little") for total in totals)
        return head + b"".join(part[8:] for part in parts)

    def subscriptions(self) -> Iterable[Subscription]:
        return tuple(one for engine in self._engines for one in engine.subscriptions())

    def end(self, one: Subscription) -> None:
        self._engine(one.handle).end(one)

    def repoint(self, one: Subscription, point: Point) -> None:
        """From another place; of another task only by ending it, since its handle belongs to the first one's."""
        if self._task_of(one.access, point) == self._index(one.handle):
            self._engine(one.handle).repoint(one, point)
        else:
            self._engine(one.handle).end(one)

    def due_ns(self) -> int | None:
        return min((due for engine in self._engines if (due := engine.due_ns()) is not None), default=None)

    def tick(self, monotonic_ns: int, wall_ns: int) -> None:
        """`look` first."""
        for task, engine in enumerate(self._engines):
            due = engine.due_ns()
            if due is not None and due <= monotonic_ns:
                self._catch_up(task, engine, monotonic_ns, wall_ns)
                engine.tick(monotonic_ns, wall_ns)

    def _catch_up(self, task: int, engine: Notifications, monotonic_ns: int, wall_ns: int) -> None:
        """Sample the cycles since the last look, but for the last one."""
        latest = self._snapshots.of(task)
        went_back = False
        for steps in range(self._cycles[task].missed(latest.cycle_count), 0, -1):
            if engine.wants(latest.cycle_count - steps) and self._snapshots.back(task, steps):
                went_back = True
                engine.tick(monotonic_ns, wall_ns, more=True)
        if went_back:  # another moment makes every area put its pieces together anew
            self._snapshots.stay(task, latest)

    @staticmethod
    def _index(handle: int) -> int:
        return (handle - 1) % MAX_TASKS

    def _engine(self, handle: int) -> Notifications:
        index = self._index(handle)
        if index >= len(self._engines):
            raise AdsFault(AdsError.NOTIFICATION_HANDLE_INVALID)
        return self._engines[index]
