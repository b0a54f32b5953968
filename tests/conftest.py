"""How long hypothesis looks: `make test` looks a while, `make soak` looks long (same tests, full counts)."""

from __future__ import annotations

import os

from hypothesis import settings

# No deadline: the machines are shared, and a slow example says nothing about the code.
settings.register_profile("test", max_examples=150, deadline=None)
settings.register_profile("soak", max_examples=5000, deadline=None)
settings.load_profile("soak" if "DINRAIL_SOAK" in os.environ else "test")
