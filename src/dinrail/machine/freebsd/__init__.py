"""Readers for FreeBSD: what its commands print."""
