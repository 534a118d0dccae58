"""`gatefall serve`: the mock deployment, or the Stripe double alone, as HTTP servers on this machine."""

from __future__ import annotations

import importlib
from typing import Final

import click

_SUBCOMMANDS: Final = {
    "all": "gatefall.serve_all:serve_all",
    "stripe": "gatefall.serve_stripe:serve_stripe",
}
_USUAL: Final = "all"


class Served(click.Group):
    """What can be served; without a name, everything."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which one needs them."""
        return list(_SUBCOMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """What is served under that name, or None."""
        place = _SUBCOMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """`gatefall serve --port 0` means `gatefall serve all --port 0`."""
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = [_USUAL, *args]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, and suggests the nearest name for one that does not exist."""
        if args and args[0] not in _SUBCOMMANDS:
            from gatefall.mistakes import unknown_name

            raise unknown_name("server", args[0], _SUBCOMMANDS, "gatefall serve --help")
        return super().resolve_command(ctx, args)


@click.group(cls=Served, short_help="Serve the mock deployment, or the Stripe double alone, over HTTP.")
def serve() -> None:
    """Serve over HTTP on this machine until interrupted: everything, or the Stripe double alone.

    \b
    Examples:
      gatefall serve                       gateway, subscriptions-api, billing-webhooks and Stripe
      gatefall serve stripe                Stripe alone, for your own backend
    """
