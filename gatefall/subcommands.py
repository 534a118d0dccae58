"""Groups of subcommands that are imported when they are asked for, so that `--help` answers at once."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click


class Subcommands(click.Group):
    """Subcommands by name and place ("package.module:function"). `noun` is what one of them is called in messages."""

    def __init__(self, *arguments: Any, places: Mapping[str, str], noun: str, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._places = places
        self._noun = noun

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which one needs them."""
        return list(self._places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The subcommand of that name, or None."""
        place = self._places.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, and suggests the nearest name for one that does not exist."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in self._places:
            from gatefall.mistakes import unknown_name

            raise unknown_name(self._noun, name, self._places, f"{ctx.command_path} --help")
        return super().resolve_command(ctx, args)
