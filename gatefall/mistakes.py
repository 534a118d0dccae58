"""Mistakes that a person can put right: one message, an exit code, never a traceback."""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO, Any, ClassVar

import click

from gatefall.exit_codes import ExitCode


class Mistake(click.ClickException):
    """Something that the person at the keyboard can change: what, where, the value, what was expected, what to do."""

    exit_code: ClassVar[int] = ExitCode.USAGE

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the message on stderr, without a secret that it may hold."""
        from conformance.redaction import redacted

        click.echo(f"gatefall: {redacted(self.format_message())}", file=file, err=file is None)


class SetUpFailed(Mistake):
    """The run could not be carried out: the target or the machine failed."""

    exit_code: ClassVar[int] = ExitCode.SET_UP_FAILED


class Refused(Mistake):
    """Something that must not be done, whoever asks: a live key, a host that was not allowed."""

    exit_code: ClassVar[int] = ExitCode.REFUSED


def unknown_name(what: str, name: str, names: Iterable[str], where_listed: str) -> Mistake:
    """A name that does not exist, with the one that was probably meant."""
    from scenarios.nearest import nearest

    near = nearest(name, names)
    meant = f'; did you mean "{near}"?' if near else f"; `{where_listed}` shows all"
    return Mistake(f'there is no {what} "{name}"{meant}')
