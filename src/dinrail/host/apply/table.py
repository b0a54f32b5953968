"""Which applier makes which kind of change: the only list of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dinrail.host.apply import cpuset, driver, irq, module, override, rom, setting
from dinrail.host.apply.tree import Tree
from dinrail.machine.change import Change, ChangeKind


@dataclass(frozen=True, slots=True)
class Applier:
    """`current` and `make` as `HostPort` promises them, for one kind."""

    current: Callable[[Tree, Change], str]
    make: Callable[[Tree, Change], None]


APPLIERS: Mapping[ChangeKind, Applier] = {
    ChangeKind.MODULE: Applier(module.current, module.make),
    ChangeKind.DRIVER: Applier(driver.current, driver.make),
    ChangeKind.DRIVER_OVERRIDE: Applier(override.current, override.make),
    ChangeKind.ROM_ENABLE: Applier(rom.current, rom.make),
    ChangeKind.SETTING: Applier(setting.current, setting.make),
    ChangeKind.IRQ_AFFINITY: Applier(irq.current, irq.make),
    ChangeKind.CPUSET_CONTROL: Applier(cpuset.control_current, cpuset.control_make),
    ChangeKind.CPUSET_GROUP: Applier(cpuset.group_current, cpuset.group_make),
    ChangeKind.CPUSET_PARTITION: Applier(cpuset.partition_current, cpuset.partition_make),
    ChangeKind.CPUSET_TASKS: Applier(cpuset.tasks_current, cpuset.tasks_make),
}
