"""Settings for the whole suite."""

from __future__ import annotations

import os

from hypothesis import settings

# No deadlines: how long an example takes is the machine's affair. In CI the same examples are tried at every run.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")
