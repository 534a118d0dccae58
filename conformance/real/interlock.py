"""The interlock: what must hold before anything is sent to a real deployment, and before anything is bought there.

The default is refusal. Static checks look at the profile, the credentials and the plan, and send nothing; dynamic ones
ask the deployment and Stripe whether they are what the profile says. Whoever cannot be shown to be a test environment
is taken for a live one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from conformance.over_http.client import HttpAnswer
from conformance.real.credentials import Credentials
from conformance.real.profile import Profile, TestEnvironment, allows, is_loopback
from conformance.redaction import redacted
from scenarios.scenario import Variant

_LIVE_KEY: Final = re.compile(r"\b(?:sk|rk|pk)_live_")
_KINDS: Final = {"stripe.publishable_key_env": ("pk_test_",), "stripe.restricted_key_env": ("rk_test_", "sk_test_")}
_LIVE_MODE: Final = re.compile(rb'"livemode"\s*:\s*true')


class Refused(Exception):
    """The deployment may not be touched. `reasons`: one sentence each, with what to do about it."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = tuple(reasons)


def check_static(credentials: Credentials, variants: Iterable[Variant] = ()) -> None:
    """Everything that can be told without a request. Raises Refused with all reasons at once."""
    profile = credentials.profile
    reasons = [
        *_about_keys(credentials),
        *_about_hosts(profile),
        *_about_marker(profile),
        *_about_plan(profile, tuple(variants)),
    ]
    if reasons:
        raise Refused(reasons)


def check_address(profile: Profile, url: str) -> None:
    """Whether a request may go there: asked for every single one. Raises Refused."""
    host = urlsplit(url).hostname
    if not allows(profile, host):
        raise Refused([f"{_shown_host(host)} is not on the allow-list; {_allow(host)}"])


def check_browsing(url: str) -> None:
    """Whether a browser may open a page: on this machine only, as nobody checks what a page loads. Raises Refused."""
    host = urlsplit(url).hostname
    if not is_loopback(host):
        raise Refused(
            [f"--browser visits pages on this machine only, and {_shown_host(host)} is another; leave --browser out"]
        )


def check_marker(marker: TestEnvironment, answer: HttpAnswer) -> None:
    """Whether the marker of a test environment is there. Raises Refused."""
    if answer.status >= 400:
        found = f"it answered {answer.status}"
    elif marker.header is not None:
        value = answer.headers.get(marker.header.lower())
        if value == str(marker.equals):
            return
        found = f"the header {marker.header} is {'missing' if value is None else repr(redacted(value[:60]))}"
    else:
        assert marker.member is not None
        known, value = _member(answer.content, marker.member)
        if known and value == marker.equals and type(value) is type(marker.equals):
            return
        found = f"{marker.member} is {redacted(repr(value)[:60]) if known else 'missing'}"
    raise Refused(
        [
            f"test_environment: {marker.url} does not show that this is a test environment: {found}, expected "
            f"{marker.equals!r}; check the address, and never change the marker to make a check pass"
        ]
    )


def check_livemode(answer: HttpAnswer, what: str) -> None:
    """Whether Stripe answered in test mode; anything live in an answer is enough to stop. Raises Refused."""
    if _LIVE_MODE.search(answer.content):
        raise Refused(
            [
                f"stripe: {what} is in live mode (livemode: true): real money would move; "
                "give the deployment and the profile the keys of a test mode"
            ]
        )


def _about_keys(credentials: Credentials) -> Iterable[str]:
    profile = credentials.profile
    for key, value in credentials.keys_of_stripe().items():
        variable = profile.variables()[key]
        wanted = _KINDS[key]
        if _LIVE_KEY.search(value):
            yield f"{key}: {variable} holds a live key; use a test key ({' or '.join(wanted)}…)"
        elif not value.startswith(wanted):
            yield f"{key}: {variable} holds no key that can be seen to be a test key; expected {' or '.join(wanted)}…"
    for key, variable in profile.variables().items():
        if key not in _KINDS and _LIVE_KEY.search(credentials.of(variable) or ""):
            yield f"{key}: {variable} holds a live key of Stripe's; nothing that is live has a place in a profile"


def _about_hosts(profile: Profile) -> Iterable[str]:
    for key, url in profile.addresses().items():
        parts = urlsplit(url)
        if not allows(profile, parts.hostname):
            yield f"{key}: {_shown_host(parts.hostname)} is not on the allow-list; {_allow(parts.hostname)}"
        elif parts.scheme == "http" and not is_loopback(parts.hostname) and not profile.plain_http:
            yield (
                f"{key}: {url} would carry credentials unencrypted; use https, or set plain_http = true for a network "
                "that nobody else listens to"
            )


def _about_marker(profile: Profile) -> Iterable[str]:
    if profile.test_environment is None:
        yield (
            "test_environment: the profile has no marker that only a test environment has; add a [test_environment] "
            "with url, equals, and header or member"
        )


def _about_plan(profile: Profile, variants: Sequence[Variant]) -> Iterable[str]:
    total, cap = sum(variant.scenario.customers.count for variant in variants), profile.limits.customers
    if total > cap:
        yield (
            f"limits.customers: the run asks for {total:,} customers, and the cap is {cap:,}; use --customers or fewer "
            "scenarios"
        )
    faulty = sorted({variant.scenario.name for variant in variants if variant.scenario.has_faults})
    if faulty:
        yield (
            f"{_listed(faulty)}: asks for faults, which are never brought upon a real deployment; leave it out, or "
            "run it with --target mock"
        )
    crowded = sorted({variant.scenario.name for variant in variants if variant.scenario.capacity})
    if crowded:
        yield (
            f"{_listed(crowded)}: asks for services of limited capacity, which is a real deployment's own; leave it "
            "out, or run it with --target simulated"
        )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"


def _shown_host(host: str | None) -> str:
    return f'the host "{redacted(host)}"' if host else "an address without a host"


def _allow(host: str | None) -> str:
    return f'add "{redacted(host)}" to allowed_hosts if it belongs to the test environment' if host else "correct it"


def _member(content: bytes, path: str) -> tuple[bool, Any]:
    """The value at a path of members with dots, and whether there is one."""
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError:
        return False, None
    for part in path.split("."):
        if not isinstance(value, dict) or part not in value:
            return False, None
        value = value[part]
    return True, value
