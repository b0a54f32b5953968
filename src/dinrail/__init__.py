"""dinrail: hard real-time control and full guests with a real GPU, side by side on one industrial PC.

The rooms of this package and the direction data takes through them are in docs/house.md; the import
contracts in pyproject.toml enforce them.
"""

__version__ = "0.1.0"
