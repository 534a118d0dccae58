"""Real deployments, as subcommands use them: what goes wrong there becomes a mistake with its exit code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeGuard
from urllib.parse import urlsplit

import click

from gatefall.mistakes import Mistake, Refused, SetUpFailed

if TYPE_CHECKING:
    from conformance.real.credentials import Credentials
    from conformance.real.target import RealTarget
    from conformance.running import Plan
    from conformance.target import Target
    from gatefall.planning import WhyLeftOut

PROFILE_SUFFIX: Final = ".toml"

profile_argument = click.argument("profile", metavar="PROFILE", type=click.Path(path_type=Path, dir_okay=False))


def is_profile(target: str) -> bool:
    """Whether a target's name is that of a profile."""
    return target.endswith(PROFILE_SUFFIX)


def real_target(path: Path, pace: float = 0.0, chromium: str | None = None) -> RealTarget:
    """The deployment of a profile. Raises Mistake for a profile that cannot be meant, or a secret that is missing."""
    from conformance.real.profile_file import ProfileErrors
    from conformance.real.target import RealTarget

    try:
        return RealTarget(path, pace=pace, chromium=chromium)
    except ProfileErrors as errors:
        raise Mistake(str(errors)) from None


def check_pages(path: Path) -> None:
    """Whether a browser has pages to visit at the deployment of a profile. Raises Mistake."""
    from conformance.real.profile import is_loopback

    stripe = real_target(path).profile.stripe
    if not is_loopback(urlsplit(stripe.url).hostname):
        raise Mistake(f"--browser visits pages on this machine only, and stripe.url of {path} is {stripe.url}")
    if stripe.pages == "none":
        raise Mistake(f'--browser has no pages to visit where stripe.pages is "none" in {path}; make it "request"')


def credentials_of(path: Path) -> Credentials:
    """A profile with its secrets. Raises Mistake."""
    return real_target(path).credentials


def refused(reasons: Iterable[str]) -> Refused:
    """What the interlock says, a line for each reason."""
    return Refused("\n".join(f"refused: {reason}" for reason in reasons))


def mistake_of(error: BaseException | None) -> Mistake | None:
    """What a deployment refused or failed at, as one message with its exit code; None for anything else."""
    from conformance.real.accounts_journal import DamagedJournal, JournalInUse
    from conformance.real.deployment import SetUpFailed as DeploymentFailed
    from conformance.real.interlock import Refused as InterlockRefused

    if isinstance(error, InterlockRefused):
        return refused(error.reasons)
    if isinstance(error, DeploymentFailed | JournalInUse | DamagedJournal):
        return SetUpFailed(str(error))
    return None


@contextmanager
def told_as_mistakes() -> Iterator[None]:
    """Let whatever a deployment refuses or fails at end the command. Raises Mistake."""
    try:
        yield
    except Exception as error:
        mistake = mistake_of(error)
        if mistake is None:
            raise
        raise mistake from None


def why_left_out_of(target: Target, seed: int) -> WhyLeftOut | None:
    """What cannot be run at a real deployment; None for a target at which everything can.

    Raises Mistake where nothing at all may be sent there, whatever is asked for.
    """
    if not _is_real(target):
        return None
    with told_as_mistakes():
        target.check(())
    return lambda variant: target.why_left_out(variant, seed)


def noted_of(target: Target) -> dict[str, Any]:
    """What a run's manifest has to keep of a real deployment."""
    if not _is_real(target):
        return {}
    from conformance.real.surroundings import noted_circumstances

    return noted_circumstances(target.profile)


def check_plan(target: Target, plan: Plan) -> None:
    """The interlock, before anything is written or sent. Raises Mistake."""
    if _is_real(target):
        with told_as_mistakes():
            target.check(plan.variants)


def expect_plan(target: Target, plan: Plan) -> None:
    """Let a deployment know everything that comes, so that variants in the same settings are run together."""
    if _is_real(target):
        target.expect(plan.variants, plan.manifest.seed)


def workers_of(target: Target, workers: int) -> int:
    """A real deployment's cap, rate and journal are for all customers together, and so is how late the harness was."""
    from conformance.harness import Paced

    return 1 if isinstance(target, Paced) and target.in_one_process else workers


def tell_end(target: Target, out: Path) -> None:
    """Write down how late the harness was, and say what was left at the deployment."""
    from conformance.harness import HarnessNote, Paced, read_harness_note

    if isinstance(target, Paced) and target.in_one_process:
        HarnessNote.of(target.lateness, target.lateness_bound_us).after(read_harness_note(out)).write(out)
    tell_left(target)


def tell_left(target: Target) -> None:
    """Say what was left at the deployment, where it is a real one."""
    from conformance.redaction import redacted

    if not _is_real(target):
        return
    for remark in target.remarks:
        click.echo(f"gatefall: {redacted(remark)}", err=True)
    if target.not_deleted:
        click.echo(
            f"gatefall: {target.not_deleted} accounts could not be deleted; `gatefall clean {target.name}` does it",
            err=True,
        )


def as_real(target: Target) -> RealTarget | None:
    """The target, if it is a real deployment."""
    return target if _is_real(target) else None


def _is_real(target: Target) -> TypeGuard[RealTarget]:
    return getattr(target, "profile", None) is not None
