"""Errors of this room."""

from __future__ import annotations

from dinrail.errors import HostError


class EmitFault(HostError):
    """Machine code could not be made or linked: a fault of ours, or a tool that is missing."""
