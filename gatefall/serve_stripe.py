"""`gatefall serve stripe`: the Stripe double alone, for other people's backends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import click

if TYPE_CHECKING:
    from conformance.servers.stripe_server import StripeServer, StripeSettings

USUAL_PORT: Final = 12112
"""Beside stripe-mock's 12111."""
_TEST_KEYS: Final = {"secret": "sk_test_", "publishable": "pk_test_", "webhook": "whsec_"}


class Key(click.ParamType[str]):
    """A key of test mode; one of live mode is refused before anything else happens."""

    name = "key"

    def __init__(self, kind: str) -> None:
        self._prefix = _TEST_KEYS[kind]

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Raises Refused for a live key, BadParameter for what is no key."""
        if "_live" in value[:16]:
            from gatefall.mistakes import Refused

            option = param.opts[0] if param is not None else "the key"
            raise Refused(
                f"{option} is a live key ({value[:8]}…), which a double has no use for; roll it if others saw it. "
                f"Give any text that starts with {self._prefix}"
            )
        if not value.startswith(self._prefix) or len(value) == len(self._prefix):
            self.fail(f'"{value[:8]}…" given, expected a key that starts with {self._prefix}', param, ctx)
        if not (value.isascii() and value.isprintable() and " " not in value):
            self.fail("expected a key of letters, digits and underscores", param, ctx)
        return value


class Address(click.ParamType[str]):
    """A URL with scheme and host."""

    name = "URL"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Raises BadParameter for what cannot be called."""
        try:
            parts = urlsplit(value)
            complete = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            complete = False
        if not complete:
            from conformance.redaction import redacted

            given = redacted(value)
            self.fail(f'"{given}" given, expected an address such as http://127.0.0.1:3000/webhook', param, ctx)
        if parts.username or parts.password:
            self.fail("expected an address without user and password: it is printed", param, ctx)
        return value


_SHARE: Final = click.FloatRange(0, 1)


@click.command("stripe", short_help="Serve the Stripe double alone, for your own backend.")
@click.option("--port", type=click.IntRange(0, 65535), default=USUAL_PORT, show_default=True, help="0: any free one.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 lets other machines in."
)
@click.option("--public-url", type=Address(), help="Where browsers reach it, if not at host and port.")
@click.option("--webhook", "webhooks", type=Address(), multiple=True, help="Deliver events here; can be repeated.")
@click.option(
    "--webhook-event", "events", multiple=True, metavar="TYPE", help="Deliver only these types.  [default: all]"
)
@click.option(
    "--webhook-secret", type=Key("webhook"), default="whsec_gatefall", show_default=True, help="Signs the events."
)
@click.option(
    "--webhook-pace",
    type=click.FloatRange(0, 1000),
    default=1.0,
    show_default=True,
    metavar="FACTOR",
    help="Stretches the distances of deliveries and retries; 0.05 makes a minute 3 s.",
)
@click.option("--duplicate", type=_SHARE, default=0.0, metavar="SHARE", help="Share of events delivered twice.")
@click.option("--reorder", type=_SHARE, default=0.0, metavar="SHARE", help="Share of events that later ones overtake.")
@click.option("--drop", type=_SHARE, default=0.0, metavar="SHARE", help="Share of events whose first delivery is lost.")
@click.option(
    "--secret-key", type=Key("secret"), default="sk_test_gatefall", show_default=True, help="Your backend's key."
)
@click.option(
    "--publishable-key",
    type=Key("publishable"),
    default="pk_test_gatefall",
    show_default=True,
    help="Your browser's key.",
)
@click.option(
    "--payment-method-type",
    "types",
    multiple=True,
    type=click.Choice(["card", "link", "paypal"]),
    help="What is switched on in the dashboard.  [default: all]",
)
@click.option(
    "--operations-per-second",
    type=click.IntRange(1),
    metavar="N",
    help="Answer 429 beyond; Stripe's test mode has 25.  [default: no limit]",
)
@click.option("--seed", default="", metavar="TEXT", help="Other seeds give other ids and other faults of delivery.")
@click.option("-v", "--verbose", is_flag=True, help="One line on stderr for each request.")
def serve_stripe(
    port: int,
    host: str,
    public_url: str | None,
    webhooks: tuple[str, ...],
    events: tuple[str, ...],
    webhook_secret: str,
    webhook_pace: float,
    duplicate: float,
    reorder: float,
    drop: float,
    secret_key: str,
    publishable_key: str,
    types: tuple[str, ...],
    operations_per_second: int | None,
    seed: str,
    verbose: bool,
) -> int:
    """Serve a stateful Stripe in test mode until interrupted (Ctrl-C or SIGTERM, exit code 0).

    It holds everything in memory and forgets it when it ends. Point your backend's Stripe client at the address
    that is printed, and send no real card numbers: test cards only.

    \b
    Examples:
      gatefall serve stripe --webhook http://127.0.0.1:3000/webhook
      gatefall serve stripe --webhook http://127.0.0.1:3000/webhook --duplicate 0.1 --reorder 0.2 --webhook-pace 0.01
    """
    from conformance.servers.stripe_deliveries import StripeDeliveries
    from conformance.servers.stripe_server import StripeServer, StripeSettings
    from gatefall.serving import listen_to_requests, serve_until_stopped
    from sim.stripe.payment_method import TYPES

    settings = StripeSettings(
        port=port,
        host=host,
        public_url=public_url,
        webhook_urls=webhooks,
        webhook_events=events or ("*",),
        webhook_secret=webhook_secret,
        secret_key=secret_key,
        publishable_key=publishable_key,
        payment_method_types=types or TYPES,
        seed=seed,
        operations_per_s=operations_per_second,
        deliveries=StripeDeliveries(seed, duplicate=duplicate, reorder=reorder, drop=drop, pace=webhook_pace),
    )
    listen_to_requests(verbose)
    return serve_until_stopped(lambda: StripeServer(settings), lambda server: _announcement(server, settings))


def _announcement(server: StripeServer, settings: StripeSettings) -> str:
    from sim.stripe.credentials import READING_KEY

    url = settings.public_url or server.url
    receivers = settings.webhook_urls or ("none; give one with --webhook, or POST /v1/webhook_endpoints",)
    lines = [
        f"Stripe           {url}",
        f"secret key       {settings.secret_key}",
        f"publishable key  {settings.publishable_key}",
        f"restricted key   {READING_KEY} (may only read)",
        *(f"webhooks to      {receiver}" for receiver in receivers),
        f"webhook secret   {settings.webhook_secret}",
        "",
        "Try it:",
        f"  curl {url}/v1/payment_intents -u {settings.secret_key}: -d amount=500 -d currency=usd \\",
        '    -d payment_method=pm_card_visa -d confirm=true -d "payment_method_types[]=card"',
        "",
        "Stop it with Ctrl-C.",
    ]
    return "\n".join(lines)
