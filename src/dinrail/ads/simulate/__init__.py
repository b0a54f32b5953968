"""Simulated devices: from TOML, CSV, .tmc, .tpy, or a recording; and one that needs no description."""

from dinrail.ads.simulate.load import load
from dinrail.ads.simulate.plc import default_plc

__all__ = ["default_plc", "load"]
