"""`gatefall check`: try a profile out, and say what is possible at its deployment and what is not."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from gatefall.columns import in_columns
from gatefall.exit_codes import ExitCode
from gatefall.real_deployment import credentials_of, profile_argument, refused, told_as_mistakes

if TYPE_CHECKING:
    from conformance.real.check import Checked

_MARKS: Final = {"yes": "✓", "no": "✗", "not tried": "-"}


@click.command(short_help="Try a profile of a real deployment out; nothing is bought.")
@profile_argument
def check(profile: Path) -> int:
    """Try addresses, credentials, provisioning, Stripe's keys and clocks of the deployment in PROFILE.

    One account is made and deleted; nothing is bought. Prints what is possible there, and which properties a run will
    leave inconclusive, and why. Exit code 0: customers can be let loose; 4: something needed failed; 5: refused.

    \b
    Example:
      gatefall check staging.toml
    """
    from conformance.real.check import check as check_profile

    credentials = credentials_of(profile)
    with told_as_mistakes():
        checked = asyncio.run(check_profile(credentials, profile))
    _tell(checked)
    if checked.refused:
        raise refused(checked.refused)
    return ExitCode.PASSED if checked.possible else ExitCode.SET_UP_FAILED


def _tell(checked: Checked) -> None:
    from conformance.redaction import redacted

    if checked.rows:
        click.echo(redacted(in_columns((_MARKS[row.found], row.what, row.note) for row in checked.rows)))
    if checked.refused:
        return
    click.echo()
    if checked.inconclusive:
        click.echo("Properties that a run there will leave inconclusive:")
        click.echo(in_columns(((one.property, one.because) for one in checked.inconclusive), indent="  "))
    else:
        click.echo("Every property can be judged there.")
    click.echo()
    click.echo("Customers can be let loose there." if checked.possible else "Customers cannot be let loose there.")
