"""Simulated devices: from TOML, CSV, .tmc, .tpy, or a recording."""
