"""Makes `pytest conformance --target …` run the conformance suite."""

pytest_plugins = ("conformance.suite.plugin",)
