"""`python -m dinrail.fieldbus`."""

from __future__ import annotations

import sys

from dinrail.fieldbus.process import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
