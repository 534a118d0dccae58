"""Targets by the names that the command line takes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from gatefall.mistakes import Mistake, SetUpFailed, unknown_name
from gatefall.real_deployment import check_pages, is_profile, real_target

if TYPE_CHECKING:
    from conformance.target import Target

SIMULATED: Final = "simulated"
MOCK: Final = "mock"
NAMES: Final = (SIMULATED, MOCK)


def check_target(name: str) -> str:
    """The name, if customers can be let loose on that target. Raises Mistake."""
    if name in NAMES or is_profile(name):
        return name
    raise unknown_name("target", name, NAMES, "gatefall run --help")


def target_named(name: str, pace: float = 0.0, chromium: str | None = None) -> Target:
    """The target of that name; `chromium` is the browser that visits hosted pages. Raises Mistake."""
    check_target(name)
    if is_profile(name):
        return real_target(Path(name), pace, chromium)
    if name == MOCK:
        from conformance.mock import MockTarget

        return MockTarget(pace, chromium)
    if pace:
        raise Mistake(f"--pace needs a target over HTTP; in virtual time (--target {SIMULATED}) no real time passes")
    from conformance.simulated import SimulatedTarget

    return SimulatedTarget()


def chromium_for(target: str, named: str | None) -> str:
    """The path of the browser that visits hosted pages. Raises Mistake, and SetUpFailed where there is none."""
    if target == SIMULATED:
        raise Mistake(f"--browser needs a target over HTTP; --target {SIMULATED} has no pages to visit")
    if is_profile(target):
        check_pages(Path(target))
    from conformance.over_http.browser import NoBrowser, chromium_path

    try:
        return chromium_path(named)
    except NoBrowser as error:
        raise SetUpFailed(f"--browser: {error} with --chromium") from None
