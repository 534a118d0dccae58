"""Real deployments, as subcommands use them: what goes wrong there becomes a mistake with its exit code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from gatefall.mistakes import Mistake, Refused, SetUpFailed

if TYPE_CHECKING:
    from conformance.real.credentials import Credentials
    from conformance.real.target import RealTarget

PROFILE_SUFFIX: Final = ".toml"

profile_argument = click.argument("profile", metavar="PROFILE", type=click.Path(path_type=Path, dir_okay=False))


def is_profile(target: str) -> bool:
    """Whether a target's name is that of a profile."""
    return target.endswith(PROFILE_SUFFIX)


def real_target(path: Path, pace: float = 0.0) -> RealTarget:
    """The deployment of a profile. Raises Mistake for a profile that cannot be meant, or a secret that is missing."""
    from conformance.real.profile_file import ProfileErrors
    from conformance.real.target import RealTarget

    try:
        return RealTarget(path, pace=pace)
    except ProfileErrors as errors:
        raise Mistake(str(errors)) from None


def credentials_of(path: Path) -> Credentials:
    """A profile with its secrets. Raises Mistake."""
    return real_target(path).credentials


def refused(reasons: Iterable[str]) -> Refused:
    """What the interlock says, a line for each reason."""
    return Refused("\n".join(f"refused: {reason}" for reason in reasons))


@contextmanager
def told_as_mistakes() -> Iterator[None]:
    """Let whatever a deployment refuses or fails at end the command with one message and its exit code."""
    from conformance.real import accounts_journal, deployment, interlock

    try:
        yield
    except interlock.Refused as error:
        raise refused(error.reasons) from None
    except (deployment.SetUpFailed, accounts_journal.JournalInUse, accounts_journal.DamagedJournal) as error:
        raise SetUpFailed(str(error)) from None
