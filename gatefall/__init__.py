"""The command: argument parsing and wiring only."""

__version__ = "0.1.0"
