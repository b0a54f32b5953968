"""Guests: from a definition to a running hypervisor under its keeper.

Nothing is imported here: `python -m dinrail.guest.keeper` must start with the standard library alone.
"""
