"""`gatefall schema`: the JSON Schema of scenario files, for editors."""

from __future__ import annotations

from importlib.resources import files

import click


@click.command(short_help="Print the JSON Schema of scenario files.")
def schema() -> None:
    """Print the JSON Schema of scenario files, for completion and checking while you type.

    \b
    Example, with the YAML language server:
      gatefall schema > scenario.schema.json
      then, as first line of a scenario file:
      # yaml-language-server: $schema=scenario.schema.json
    """
    click.echo(files("scenarios").joinpath("scenario.schema.json").read_text(encoding="utf-8"), nl=False)
