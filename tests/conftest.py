"""Settings for the whole suite."""

from __future__ import annotations

import os

from hypothesis import settings

from tests.needed import (  # noqa: F401 -- fixtures of the whole suite
    chromium,
    postgresql_url,
    promtool,
    redis_server,
    redis_url,
    stripe_cli,
    stripe_mock,
)

# No deadlines: how long an example takes is the machine's affair. In CI the same examples are tried at every run.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")
