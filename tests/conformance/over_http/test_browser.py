"""Hosted pages visited by a real Chromium: the same stories as without."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from conformance.over_http import browser as browser_module
from conformance.over_http.browser import Browser, NoBrowser, chromium_path
from conformance.over_http.lockstep_deployment import LockstepDeployment
from scenarios.reading import read_scenarios
from scenarios.scenario import Variant
from scenarios.variants import variants
from sim.deployment import SimulatedDeployment
from sim.facts import Fact

CUSTOMERS = 3
PAGES = (
    "three-d-secure-passed",
    "three-d-secure-failed",
    "paypal-finished",
    "paypal-cancelled",
    "paypal-refused",
)


def variant_of(name: str) -> Variant:
    loaded = [one for one in read_scenarios([]) if one.scenario.name == name]
    return variants(loaded, None, CUSTOMERS)[-1]


@pytest.mark.parametrize("name", PAGES)
def test_pages_visited_by_a_browser_lead_to_the_same_stories(
    name: str, chromium: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browsers: list[Browser] = []

    def noted(path: str) -> Browser:
        browsers.append(Browser(path))
        return browsers[-1]

    monkeypatch.setattr("conformance.over_http.lockstep_deployment.Browser", noted)
    expected: list[tuple[int, str, list[Fact]]] = []
    found: list[tuple[int, str, list[Fact]]] = []
    variant = variant_of(name)
    SimulatedDeployment(variant, 1).run(range(CUSTOMERS), lambda *settled: expected.append(settled))
    deployment = LockstepDeployment(variant, 1, chromium=str(chromium))
    asyncio.run(deployment.run(range(CUSTOMERS), lambda *settled: found.append(settled)))
    assert found == expected
    [browser] = browsers
    assert browser.visit_count >= CUSTOMERS


def test_a_machine_without_chromium_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser_module.shutil, "which", lambda _name: None)
    with pytest.raises(NoBrowser, match="apt install chromium"):
        chromium_path()
    with pytest.raises(NoBrowser, match="/nowhere/chromium"):
        chromium_path("/nowhere/chromium")
