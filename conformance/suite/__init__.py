"""The conformance suite: every scenario, with a few customers each, against a deployment in one phase and regime.

`selection.py` says which variants that are; `plugin.py` makes them items of pytest.
"""
