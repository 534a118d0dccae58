"""`python -m gatefall`."""

from __future__ import annotations

import sys

from gatefall.command import main

if __name__ == "__main__":
    sys.exit(main())
