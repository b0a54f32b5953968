"""Names that a user may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def near(name: str, known: Iterable[str]) -> str:
    """A hint with the known name that is closest to a wrong one, case aside; empty when none is close."""
    low, high = 0.6 * len(name), 1.7 * len(name)
    by_upper = {each.upper(): each for each in known if low < len(each) < high}
    matches = difflib.get_close_matches(name.upper(), by_upper, n=1, cutoff=0.75)
    return f"did you mean {by_upper[matches[0]]}?" if matches else ""
