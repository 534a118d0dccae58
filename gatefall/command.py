"""The command `gatefall`: its subcommands, and the last line of defence against tracebacks."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click

from gatefall import __version__
from gatefall.configuration import FILE_NAME, check_variables, defaults_by_subcommand, read_settings
from gatefall.crash_log import crash_log
from gatefall.exit_codes import ExitCode
from gatefall.subcommands import Subcommands

_SUBCOMMANDS: Final = {
    "run": "gatefall.run:run",
    "conform": "gatefall.conform:conform",
    "serve": "gatefall.serve:serve",
    "prove": "gatefall.prove:prove",
    "judge": "gatefall.judge:judge",
    "report": "gatefall.report:report",
    "explore": "gatefall.explore:explore",
    "replay": "gatefall.replay:replay",
    "check": "gatefall.check:check",
    "clean": "gatefall.clean:clean",
    "explain": "gatefall.explain:explain",
    "list": "gatefall.listing:listing",
    "schema": "gatefall.schema:schema",
}


_OF_THE_MACHINE: Final = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE}
)
"""What a disk, a permission or a limit says no to: nothing that a traceback would explain better."""


@click.group(
    cls=Subcommands,
    places=_SUBCOMMANDS,
    noun="subcommand",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Exit codes:
    0  passed           every expectation and property held
    1  violated         at least one did not
    2  usage            a mistake in the arguments, the configuration or a scenario file
    3  inconclusive     not enough was seen to say, or the run is incomplete
    4  set-up failed    the run could not be carried out
    5  refused          the target may not be touched
  130  interrupted      what was recorded is kept; --resume completes it
""",
)
@click.version_option(__version__, message="gatefall %(version)s")
@click.pass_context
def gatefall(context: click.Context) -> None:
    """Tell whether removing the payment-method gate from a subscriptions backend is safe.

    Customers from scenario files act against a simulated deployment in virtual time; what happens is recorded,
    judged by properties and told in a report.

    \b
    Examples:
      gatefall run                                  the whole scenario library
      gatefall run mixed-cart.yaml --phase 0-6      one file, in every phase
      gatefall list scenarios                       what the library holds
      gatefall conform --target staging.toml        the conformance suite against a deployment
      gatefall explain charged-once                 what a property means
    """
    check_variables(os.environ)
    context.default_map = defaults_by_subcommand(read_settings(Path(FILE_NAME)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code. No exception leaves it."""
    _write_whatever_can_be_written()
    try:
        result = gatefall.main(args=arguments, prog_name="gatefall", standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else ExitCode.PASSED
    except click.ClickException as mistake:
        mistake.show()
        _say_where_from(mistake)
        return mistake.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("gatefall: interrupted", err=True)
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        return _pipe_closed()
    except OSError as error:
        return _machine_failed(error) if error.errno in _OF_THE_MACHINE else _crashed(error)
    except Exception as error:
        return _crashed(error)


def _say_where_from(mistake: click.ClickException) -> None:
    """Nobody looks for a flag's wrong value in gatefall.toml or in the environment unless told to."""
    if not isinstance(mistake, click.BadParameter) or mistake.ctx is None or mistake.param is None:
        return
    source = mistake.ctx.get_parameter_source(mistake.param.name or "")
    if source is click.core.ParameterSource.DEFAULT_MAP:
        click.echo(f"The value is set in {FILE_NAME}.", err=True)
    elif source is click.core.ParameterSource.ENVIRONMENT:
        click.echo(f"The value is set by the environment variable {mistake.param.envvar}.", err=True)


def _write_whatever_can_be_written() -> None:
    """A terminal that knows no check marks shall show question marks, and not fail."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _pipe_closed() -> int:
    """Whoever read our output has gone, which is their right; keep the interpreter from complaining about it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return ExitCode.PIPE_CLOSED


def _machine_failed(error: OSError) -> int:
    place = f"{error.filename}: " if error.filename is not None else ""
    click.echo(f"gatefall: cannot go on: {place}{error.strerror}; what was recorded before is kept", err=True)
    return ExitCode.SET_UP_FAILED


def _crashed(error: Exception) -> int:
    from conformance.redaction import redacted

    path: Any = crash_log.write(error, __version__)
    click.echo(
        f"gatefall: unexpected error: {redacted(f'{type(error).__name__}: {error}')}\n"
        f"This is a defect of gatefall, not of what it tests. The details are in {path}",
        err=True,
    )
    return ExitCode.SET_UP_FAILED
