"""`gatefall clean`: delete the accounts that earlier runs left at a real deployment."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from gatefall.exit_codes import ExitCode
from gatefall.real_deployment import credentials_of, profile_argument, told_as_mistakes


@click.command(short_help="Delete what interrupted runs left at a real deployment.")
@profile_argument
def clean(profile: Path) -> int:
    """Delete every account that the journal beside PROFILE still holds, and tell what was done and what could not be.

    A run deletes its accounts itself, also after Ctrl-C; this is for what is left after a crash. Run twice, it finds
    nothing the second time. Exit code 4: something is left.

    \b
    Example:
      gatefall clean staging.toml
    """
    from conformance.real.cleaning import clean as clean_up
    from conformance.redaction import redacted

    credentials = credentials_of(profile)
    with told_as_mistakes():
        cleaned = asyncio.run(clean_up(credentials, profile))
    for line in cleaned.done:
        click.echo(redacted(line))
    for line in cleaned.not_done:
        click.echo(redacted(f"not done: {line}"), err=True)
    if not cleaned.done and not cleaned.not_done:
        click.echo("nothing is left to clean up")
    return ExitCode.SET_UP_FAILED if cleaned.not_done else ExitCode.PASSED
