"""`gatefall serve`: the mock deployment, or the Stripe double alone, as HTTP servers on this machine."""

from __future__ import annotations

from typing import Final

import click

from gatefall.subcommands import Subcommands

_SUBCOMMANDS: Final = {
    "all": "gatefall.serve_all:serve_all",
    "stripe": "gatefall.serve_stripe:serve_stripe",
}
_USUAL: Final = "all"


class Served(Subcommands):
    """What can be served; without a name, everything."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """`gatefall serve --port 0` means `gatefall serve all --port 0`."""
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = [_USUAL, *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=Served,
    places=_SUBCOMMANDS,
    noun="server",
    short_help="Serve the mock deployment, or the Stripe double alone, over HTTP.",
)
def serve() -> None:
    """Serve over HTTP on this machine until interrupted: everything, or the Stripe double alone.

    \b
    Examples:
      gatefall serve                       gateway, subscriptions-api, billing-webhooks and Stripe
      gatefall serve stripe                Stripe alone, for your own backend
    """
