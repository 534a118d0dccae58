"""The live world of one customer at a real deployment: its gateway, Stripe, and the hosted pages that it may visit."""

from __future__ import annotations

from urllib.parse import urlsplit

from conformance.over_http.browser import Browser, BrowsingClient
from conformance.over_http.callees import OverHttp
from conformance.over_http.client import HttpClient
from conformance.over_http.lateness import Lateness
from conformance.over_http.live_clock import LiveClock
from conformance.over_http.live_world import VISIT_TIMEOUT_US, LiveWorld
from conformance.over_http.wire import stripe_request, webhook_request
from conformance.real.credentials import Credentials
from conformance.real.gateway_paths import GatewayCallee, GatewayPaths
from conformance.real.guarded_client import GuardedClient
from conformance.real.interlock import check_address, check_browsing
from sim.effects import Visit
from sim.messages import UNKNOWN, Answer, Request


class CustomerWorld(LiveWorld):
    """Runs one customer's programs; clock, lateness and browser are those of the whole run."""

    def __init__(
        self,
        client: GuardedClient,
        credentials: Credentials,
        paths: GatewayPaths,
        clock: LiveClock,
        lateness: Lateness,
        pace: float,
        browser: Browser | None = None,
    ) -> None:
        super().__init__(clock=clock, pace=pace)
        self.lateness = lateness
        self._pages: HttpClient = client if browser is None else BrowsingClient(client, browser)
        self._browses = browser is not None
        self._profile = credentials.profile
        self.callees = {
            "gateway": GatewayCallee(client, credentials, paths),
            "stripe": OverHttp(client, self._profile.stripe.url, stripe_request),
        }
        if self._profile.webhooks is not None:  # for probes: the deployment's own Stripe has its own way there
            self.callees["billing-webhooks"] = OverHttp(client, self._profile.webhooks.url, webhook_request)

    async def visit(self, visit: Visit) -> Answer:
        """Do on the hosted page what the profile says can be done there.

        Raises Refused for a host off the list, and for a browser that would leave this machine.
        """
        check_address(self._profile, visit.url)
        if self._browses:
            check_browsing(visit.url)
        if self._profile.stripe.pages == "none":
            return UNKNOWN
        parts = urlsplit(visit.url)
        page = OverHttp(self._pages, f"{parts.scheme}://{parts.netloc}", stripe_request)
        request = Request("POST", parts.path, {"outcome": visit.outcome}, operation="visit")
        return await page(request, VISIT_TIMEOUT_US)
