"""The channel's records as facts."""

from __future__ import annotations

from collections.abc import Iterable

from dinrail.ams.state import AdsState
from dinrail.bridge.facts import ControlFacts, TaskFacts
from dinrail.control.channel.layout import ANY_CORE, ChannelHeader, State
from dinrail.control.channel.reader import Channel, text_of

FIRST_TASK_PORT = 350
DEFAULT_PORT = 851
_STATES = frozenset(State)
_LAST_PORT = 0xFFFF


def control_facts(channel: Channel) -> ControlFacts:
    """The header now."""
    return control_facts_of(channel.header)


def control_facts_of(header: ChannelHeader) -> ControlFacts:
    """A header as it was read."""
    return ControlFacts(
        pid=header.control_pid,
        state=state_of(header.state),
        restart_index=header.restart_index,
        online_change_count=header.online_change_count,
        symbol_version=header.symbol_version,
        application=text_of(header.application),
        ads_port=port_of(header.ads_port, DEFAULT_PORT),
        built_wall_s=header.built_wall_s,
    )


def task_facts(channel: Channel, index: int) -> TaskFacts:
    """A task's record now."""
    record = channel.statistics(index)
    return TaskFacts(
        index=index,
        name=text_of(record.name),
        cycle_ns=max(record.cycle_ns, 1),
        priority=record.priority,
        core=None if record.core == ANY_CORE else record.core,
        ads_port=port_of(record.ads_port, FIRST_TASK_PORT + index),
        state=state_of(record.state),
        fault=record.fault,
        cycle_count=record.cycle_count,
        run_count=record.run_count,
        heartbeat_ns=record.heartbeat_ns,
        latency_last_ns=record.latency_last_ns,
        latency_max_ns=record.latency_max_ns,
        execution_last_ns=record.execution_last_ns,
        execution_max_ns=record.execution_max_ns,
        overruns=record.overruns,
        missed_cycles=record.missed_cycles,
        exceeded=record.exceeded,
        dropped=record.dropped,
    )


def task_ports(tasks: Iterable[TaskFacts]) -> dict[int, TaskFacts]:
    """Tasks by their ports; of two with the same port the first has it."""
    found: dict[int, TaskFacts] = {}
    for task in tasks:
        found.setdefault(task.ads_port, task)
    return found


def state_of(told: int) -> int:
    """An ADS state; ERROR where the channel tells none that a control has."""
    return told if told in _STATES else AdsState.ERROR


def port_of(told: int, otherwise: int) -> int:
    """A port that the channel tells, or the usual one where it is none."""
    return told if 0 < told <= _LAST_PORT else otherwise
