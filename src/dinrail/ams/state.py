"""States of an ADS device, and how notifications are to be sent.

Source: Beckhoff Information System, "ADSSTATE" and "ADSTRANSMODE"; TwinCAT SDK Ads.h.
"""

from __future__ import annotations

import enum


class AdsState(enum.IntEnum):
    """ADS states. A WriteControl asks for one, a ReadState tells one. Other numbers are legal on the wire."""

    INVALID = 0
    IDLE = 1
    RESET = 2
    INIT = 3
    START = 4
    RUN = 5
    STOP = 6
    SAVE_CONFIG = 7
    LOAD_CONFIG = 8
    POWER_FAILURE = 9
    POWER_GOOD = 10
    ERROR = 11
    SHUTDOWN = 12
    SUSPEND = 13
    RESUME = 14
    CONFIG = 15
    RECONFIG = 16
    STOPPING = 17
    INCOMPATIBLE = 18
    EXCEPTION = 19


class TransMode(enum.IntEnum):
    """Transmission modes of notifications. 16..31 are SERVER_CYCLE in the context 0..15."""

    NONE = 0
    CLIENT_CYCLE = 1
    CLIENT_ON_CHANGE = 2
    SERVER_CYCLE = 3
    SERVER_ON_CHANGE = 4
    SERVER_CYCLE_2 = 5
    SERVER_ON_CHANGE_2 = 6
    CLIENT_ONE_REQUEST = 10
    SERVER_CYCLE_CONTEXT = 16


CONTEXT_MODES = range(16, 32)


def is_cyclic(mode: int) -> bool:
    """Every sample is sent, changed or not."""
    return mode in (TransMode.SERVER_CYCLE, TransMode.SERVER_CYCLE_2) or mode in CONTEXT_MODES


def is_on_change(mode: int) -> bool:
    """Only samples that differ from the last one are sent."""
    return mode in (TransMode.SERVER_ON_CHANGE, TransMode.SERVER_ON_CHANGE_2)
