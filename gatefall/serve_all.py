"""`gatefall serve`: the whole mock deployment on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import click

from gatefall.mistakes import Mistake, Refused
from gatefall.options import LAST_PHASE

if TYPE_CHECKING:
    from conformance.defects import Defect
    from conformance.servers.mock_deployment import MockDeployment, MockSettings
    from scenarios.scenario import Scenario

USUAL_PORT: Final = 8402
"""8402: the gate's status, and out of the way of what developers usually run."""
_REGIMES: Final = ("legacy", "act-1", "continuation")
_ON_OFF: Final = {"on": True, "off": False}


class Gate(click.ParamType[tuple[str, bool]]):
    """A gate and whether it is on: "pm-gate=off"."""

    name = "NAME=on|off"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, bool]:
        """Raises BadParameter for anything else."""
        from scenarios.gates import GATES
        from scenarios.nearest import nearest

        if isinstance(value, tuple):
            return value
        gate, equals, state = str(value).partition("=")
        if not equals or state not in _ON_OFF:
            self.fail(f'"{value}" given, expected a gate and its state, such as pm-gate=off', param, ctx)
        if gate not in GATES:
            near = nearest(gate, GATES)
            meant = f'did you mean "{near}"?' if near else f"expected one of {', '.join(GATES)}"
            self.fail(f'there is no gate "{gate}"; {meant}', param, ctx)
        return gate, _ON_OFF[state]


class ServerUrl(click.ParamType[str]):
    """The address of a server, with one of the schemes that are possible."""

    name = "URL"

    def __init__(self, *schemes: str, example: str) -> None:
        self._schemes = schemes
        self._example = example

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Raises BadParameter for what is no such address."""
        try:
            parts = urlsplit(str(value))
            fits = parts.scheme in self._schemes and bool(parts.hostname or parts.path)
        except ValueError:
            fits = False
        if not fits:
            self.fail(f"expected an address such as {self._example}", param, ctx)
        if parts.scheme.startswith("http") and (parts.username or parts.password):
            self.fail(f"expected an address without user and password, such as {self._example}", param, ctx)
        return str(value)


@click.command("all", short_help="Serve the whole mock deployment.")
@click.option(
    "--phase", type=click.IntRange(0, LAST_PHASE), default=2, show_default=True, help="Of the gate's removal."
)
@click.option("--regime", type=click.Choice(_REGIMES), default="continuation", show_default=True, help="Of granting.")
@click.option(
    "--defect",
    "defect_names",
    multiple=True,
    metavar="NAME",
    help="A defect to switch on, from `gatefall list defects`; repeatable.",
)
@click.option("--gate", "gates", type=Gate(), multiple=True, metavar="NAME=on|off", help="A feature gate; repeatable.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=1, show_default=True, help="Of ids and faults.")
@click.option(
    "--faults",
    "faults_file",
    metavar="FILE",
    help="A scenario file, or the name of one in the library, whose faults strike here; counted for the whole server.",
)
@click.option(
    "--stripe",
    "stripe_url",
    type=ServerUrl("http", "https", example="http://127.0.0.1:12112"),
    help="Another Stripe, in place of the double; point its webhooks at billing-webhooks.",
)
@click.option(
    "--database",
    "database_url",
    type=ServerUrl("postgresql", "postgres", "postgresql+psycopg", example="postgresql://127.0.0.1/gatefall"),
    help="Keep accounts in PostgreSQL; without it they are forgotten at the end.",
)
@click.option(
    "--redis",
    "redis_url",
    type=ServerUrl("redis", "rediss", "unix", example="redis://127.0.0.1:6379/0"),
    help="Keep the rate limit's counts in Redis.",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=USUAL_PORT, show_default=True, help="Of the gateway; 0: any."
)
@click.option("--webhooks-port", type=click.IntRange(0, 65535), default=0, help="Of billing-webhooks.  [default: any]")
@click.option("--stripe-port", type=click.IntRange(0, 65535), default=0, help="Of the Stripe double.  [default: any]")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; other machines reach only others."
)
@click.option("-v", "--verbose", is_flag=True, help="One line on stderr for each request.")
def serve_all(
    phase: int,
    regime: Any,
    defect_names: tuple[str, ...],
    gates: tuple[tuple[str, bool], ...],
    seed: int,
    faults_file: str | None,
    stripe_url: str | None,
    database_url: str | None,
    redis_url: str | None,
    port: int,
    webhooks_port: int,
    stripe_port: int,
    host: str,
    verbose: bool,
) -> int:
    """Serve gateway, subscriptions-api, billing-webhooks and Stripe until interrupted (Ctrl-C or SIGTERM, exit code 0).

    Time is real time; POST /__test__/clock moves it on. Everything is held in memory unless --database says where else.

    \b
    Examples:
      gatefall serve --phase 0
      gatefall serve --phase 2 --gate pm-gate=off --faults webhooks-late
      gatefall serve --phase 4 --defect signature-not-checked
      gatefall serve --database postgresql://127.0.0.1/gatefall --redis redis://127.0.0.1:6379/0
    """
    from conformance.defects import planted
    from conformance.servers.mock_deployment import MockDeployment, MockSettings
    from gatefall import __version__
    from gatefall.defects import defects_named
    from gatefall.serving import listen_to_requests, serve_until_stopped

    _refuse_live_stripe(stripe_url)
    defects = defects_named(defect_names)
    faulty = _faulty(faults_file)
    settings = MockSettings(
        host=host,
        port=port,
        webhooks_port=webhooks_port,
        stripe_port=stripe_port,
        phase=phase,
        regime=regime,
        gates=dict(gates),
        seed=seed,
        faults=[fault for scenario in faulty for fault in scenario.faults],
        storm=next((scenario.storm for scenario in faulty if scenario.storm is not None), None),
        stripe_url=stripe_url,
        database_url=database_url,
        redis_url=redis_url,
        version=__version__,
    )
    listen_to_requests(verbose)
    with planted(*defects):
        return serve_until_stopped(lambda: MockDeployment(settings), partial(_announcement, defects))


def _refuse_live_stripe(url: str | None) -> None:
    host = "" if url is None else urlsplit(url).hostname or ""
    if host == "stripe.com" or host.endswith(".stripe.com"):
        raise Refused(
            f"--stripe {url}: the mock deployment does not talk to Stripe itself; serve a double with "
            "`gatefall serve stripe` and name its address"
        )


def _faulty(name: str | None) -> Sequence[Scenario]:
    """The scenarios whose faults are to strike. Raises Mistake where none of them can strike here."""
    if name is None:
        return ()
    from gatefall.selection import load
    from sim.faults import FORGED

    scenarios = [loaded.scenario for loaded in load([name])]
    if not any(scenario.has_faults for scenario in scenarios):
        raise Mistake(f"--faults {name}: the scenario has no faults and no storm")
    if any(fault.kind == FORGED for scenario in scenarios for fault in scenario.faults):
        raise Mistake(f"--faults {name}: {FORGED} is not done by a network; send forged events to the server yourself")
    if sum(scenario.storm is not None for scenario in scenarios) > 1:
        raise Mistake(f"--faults {name}: more than one storm; name one file that has one")
    return scenarios


def _announcement(defects: Sequence[Defect], deployment: MockDeployment) -> str:
    addresses, settings = deployment.addresses, deployment.settings
    gateway = addresses["gateway"]
    lines = [
        *(f"DEFECT SWITCHED ON {defect.name}: {defect.title}" for defect in defects),
        f"gateway            {gateway}   (/api/v4, /api/v3, /__test__, /openapi.json, /healthz, /metrics)",
        f"subscriptions-api  {addresses['subscriptions-api']}   (answers the gateway alone)",
        f"billing-webhooks   {addresses['billing-webhooks']}/webhooks/stripe",
        f"stripe             {addresses['stripe']}",
        f"phase {settings.phase}, {settings.regime}, seed {settings.seed}"
        + "".join(f", {name} {'on' if state else 'off'}" for name, state in settings.gates.items()),
        *_storm_lines(settings),
        f"stripe secret key  {settings.stripe_secret_key}",
        f"webhook secret     {settings.webhook_secret}",
        "",
        "Try it: make an account, then buy with its token.",
        f'  curl -s {gateway}/__test__/accounts -d \'{{"payment_method": "none"}}\'',
        f"  curl -s {gateway}/api/v4/bulk/subscriptions -H 'Authorization: Bearer TOKEN' \\",
        '    -d \'{"subscriptions": [{"rate_plan": {"id": "workers_paid"}, "frequency": "monthly"}], '
        '"user_is_on_session": true}\'',
        "",
        "Stop it with Ctrl-C.",
    ]
    return "\n".join(lines)


def _storm_lines(settings: MockSettings) -> list[str]:
    """What was drawn of a storm, so that what strikes later can be understood."""
    if settings.storm is None:
        return []
    from conformance.servers.live_faults import drawn_storm, in_words

    drawn = drawn_storm(settings.storm, settings.seed)
    return [f"storm              {in_words(fault)}" for fault in drawn] or [
        "storm              calm: nothing was drawn"
    ]
