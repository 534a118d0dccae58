"""A mock deployment as if it were a real one: check, run, interrupt, clean, each as its user meets it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KEYS = {"STAGING_PUBLISHABLE_KEY": "pk_test_gatefall", "STAGING_RESTRICTED_KEY": "sk_test_gatefall"}
LAST_LINE = "Stop it with Ctrl-C."
SCENARIO = """\
name: quick-checkout
title: Customers who do not take their time
customers:
  count: 3
  pays_with: card
  first_card: succeeds
  parameters:
    poll_interval_s: 0.1
backend:
  phase: 2
"""


@pytest.fixture(scope="module")
def served() -> Iterator[dict[str, str]]:
    """The addresses of `gatefall serve`, by what they are of."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gatefall", "serve", "--port", "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    addresses: dict[str, str] = {}
    try:
        for line in process.stdout:
            found = re.match(r"([a-z-]+) +(http://[0-9.:]+)", line)
            if found:
                addresses[found[1]] = found[2]
            if line.strip() == LAST_LINE:
                break
        yield addresses
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


@pytest.fixture
def profile(served: dict[str, str], tmp_path: Path) -> Path:
    """The example profile, pointed at the deployment that runs."""
    text = (ROOT / "docs" / "example-profile.toml").read_text(encoding="utf-8")
    text = text.replace("http://127.0.0.1:8402", served["gateway"]).replace("http://127.0.0.1:8403", served["stripe"])
    path = tmp_path / "staging.toml"
    path.write_text(text, encoding="utf-8")
    (tmp_path / "quick.yaml").write_text(SCENARIO, encoding="utf-8")
    return path


def start(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "gatefall", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **KEYS, **environment},
    )


def said(folder: Path, *arguments: str, **environment: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of the command."""
    process = start(folder, *arguments, **environment)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def test_the_example_passes_its_check_and_customers_can_be_let_loose(profile: Path) -> None:
    folder = profile.parent
    code, out, err = said(folder, "check", "staging.toml")
    assert (code, err) == (0, "")
    assert "Customers can be let loose there." in out
    assert not [line for line in out.splitlines() if line.startswith("✗")]

    code, out, err = said(folder, "run", "quick.yaml", "--target", "staging.toml", "--out", "run")
    assert code == 0, out + err
    result = json.loads((folder / "run" / "result.json").read_text(encoding="utf-8"))
    [variant] = result["scenarios"] if "scenarios" in result else result["variants"]
    assert variant["conversion"]["value"] == 1.0
    assert (folder / "run" / "harness.json").exists()
    assert "--target staging.toml" in (folder / "run" / "report.html").read_text(encoding="utf-8")

    code, out, _ = said(folder, "clean", "staging.toml")
    assert (code, out) == (0, "nothing is left to clean up\n")


def test_without_a_key_of_stripes_a_run_is_inconclusive_and_says_why(profile: Path) -> None:
    folder = profile.parent
    text = profile.read_text(encoding="utf-8")
    line = 'restricted_key_env = "STAGING_RESTRICTED_KEY"\n'
    assert line in text
    profile.write_text(text.replace(line, ""), encoding="utf-8")
    code, out, err = said(folder, "run", "quick.yaml", "--target", "staging.toml", "--out", "run")
    assert code == 3, out + err
    [variant] = json.loads((folder / "run" / "result.json").read_text(encoding="utf-8"))["scenarios"]
    assert variant["verdict"] == "inconclusive"
    told = {one["name"]: one["reason"] for one in variant["inconclusive"] if one["counts"]}
    assert {"no-entitlement-without-payment", "charged-once", "stores-agree", "amounts-agree"} <= told.keys()
    assert all("the profile names no restricted key (stripe.restricted_key_env)" in told[name] for name in told)
    assert "restricted key" in out


def test_what_an_interruption_leaves_is_cleaned_up(profile: Path) -> None:
    folder = profile.parent
    journal = folder / "staging.accounts.jsonl"
    # All three are made: of one that is asked for when the run is killed, nobody ever learns the id.
    process = start(folder, "run", "quick.yaml", "--target", "staging.toml", "--out", "run")
    while not (journal.exists() and journal.read_bytes().count(b'"made"') >= 3):
        assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert journal.read_bytes()

    process = start(folder, "run", "quick.yaml", "--target", "staging.toml", "--out", "again")
    while journal.read_bytes().count(b'"made"') < 6:
        assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "Traceback" not in err

    code, out, err = said(folder, "clean", "staging.toml")
    assert code == 0, out + err
    assert out.count(": deleted") >= 1
    assert journal.read_bytes() == b""
    assert said(folder, "clean", "staging.toml")[:2] == (0, "nothing is left to clean up\n")


@pytest.mark.parametrize(
    ("replaced", "environment", "reason"),
    [
        ({}, {"STAGING_PUBLISHABLE_KEY": "pk_live_51Habc"}, "holds a live key"),
        ({}, {"STAGING_RESTRICTED_KEY": "rk_live_51Habc"}, "holds a live key"),
        ({'allowed_hosts = ["127.0.0.1"]': 'allowed_hosts = ["example.com"]'}, {}, "is not on the allow-list"),
        ({"customers = 200": "customers = 2"}, {}, "the run asks for 3 customers, and the cap is 2"),
        ({"equals = 1200": "equals = 1"}, {}, "rate_limit is 1200, expected 1"),
    ],
)
def test_what_the_interlock_refuses_ends_with_5_and_buys_nothing(
    profile: Path, replaced: dict[str, str], environment: dict[str, str], reason: str
) -> None:
    text = profile.read_text(encoding="utf-8")
    for old, new in replaced.items():
        assert old in text
        text = text.replace(old, new)
    profile.write_text(text, encoding="utf-8")
    code, out, err = said(
        profile.parent, "run", "quick.yaml", "--target", "staging.toml", "--out", "run", **environment
    )
    assert code == 5, out + err
    assert "refused: " in err
    assert reason in err
    assert "51Habc" not in err
    assert "Traceback" not in err


def test_a_deployment_that_is_not_there_ends_with_4(profile: Path, served: dict[str, str]) -> None:
    text = profile.read_text(encoding="utf-8")
    profile.write_text(text.replace(served["gateway"], "http://127.0.0.1:9"), encoding="utf-8")
    code, _, err = said(profile.parent, "run", "quick.yaml", "--target", "staging.toml", "--out", "run")
    assert code == 4
    assert "test_environment: no connection to http://127.0.0.1:9" in err
    assert "check the address" in err
    code, out, _ = said(profile.parent, "check", "staging.toml")
    assert code == 4
    assert "Customers cannot be let loose there." in out


def test_what_cannot_be_run_there_is_left_out_and_told(profile: Path) -> None:
    folder = profile.parent
    text = profile.read_text(encoding="utf-8")
    profile.write_text(text.replace('restricted_key_env = "STAGING_RESTRICTED_KEY"\n', ""), encoding="utf-8")
    everywhere = SCENARIO.replace("quick-checkout", "everywhere").replace("backend:\n  phase: 2\n", "")
    (folder / "everywhere.yaml").write_text(everywhere, encoding="utf-8")
    in_legacy = SCENARIO.replace("quick-checkout", "in-legacy").replace("phase: 2", "phase: 2\n  regime: legacy")
    (folder / "in-legacy.yaml").write_text(in_legacy, encoding="utf-8")
    asked = ("everywhere.yaml", "webhooks-late", "in-legacy.yaml")
    code, out, err = said(folder, "run", *asked, "--target", "staging.toml", "--customers", "1", "--out", "run")
    assert code == 3, out + err
    assert "1 scenario, 1 variant, 1 customer" in err
    assert (
        "gatefall: left out: 6 variants (everywhere): each runs in another phase than 2, in which the deployment is "
        "(backend.phase)" in err
    )
    assert "(webhooks-late): each asks for faults, which are never brought upon a real deployment" in err
    assert "left out: 1 variant (in-legacy): it runs under another regime than continuation" in err
    result = json.loads((folder / "run" / "result.json").read_text(encoding="utf-8"))
    assert [(one["name"], one["variant"]["phase"]) for one in result["scenarios"]] == [("everywhere", 2)]
    left_out = {(one["name"], one["slug"]): one["because"] for one in result["left_out"]}
    assert len(left_out) == len(result["left_out"])
    elsewhere = [slug for name, slug in left_out if name == "everywhere"]
    assert len(elsewhere) == 6
    assert not [slug for slug in elsewhere if slug.startswith("phase-2")]
    page = (folder / "run" / "report.html").read_text(encoding="utf-8")
    assert "6 of everywhere: each runs in another phase than 2, in which the deployment is (backend.phase)" in page
    assert f"Left out: {len(left_out)} variants that cannot be run at staging.toml" in out

    code, again, err = said(folder, "judge", "run")
    assert (code, err.count("Traceback")) == (3, 0)
    assert "Left out: " in again
    code, _, err = said(folder, "run", "--out", "run", "--resume")
    assert code == 3, err
    code, _, err = said(folder, "run", *asked, "--out", "run", "--resume")
    assert code == 3, err


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (("webhooks-late",), "(webhooks-late): each asks for faults, which are never brought upon a real deployment"),
        (("quick.yaml", "--phase", "3"), "none of the scenarios has a variant in phase 3"),
        (("missing-payment-method", "--phase", "3,4"), "each runs in another phase than 2"),
    ],
)
def test_when_nothing_is_left_to_run_that_is_said_and_nothing_is_sent(
    profile: Path, asked: tuple[str, ...], reason: str
) -> None:
    code, _, err = said(profile.parent, "run", *asked, "--target", "staging.toml", "--customers", "2")
    assert code == 2
    assert reason in err
    assert not (profile.parent / "runs").exists()
    assert not (profile.parent / "staging.accounts.jsonl").exists()


def test_a_live_key_is_refused_even_where_nothing_could_be_run(profile: Path) -> None:
    live = {"STAGING_PUBLISHABLE_KEY": "pk_live_51Habc"}
    code, _, err = said(profile.parent, "run", "webhooks-late", "--target", "staging.toml", **live)
    assert code == 5, err


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('pages = "request"', 'pages = "none"', '--browser has no pages to visit where stripe.pages is "none"'),
        ('url = "{stripe}"', 'url = "https://stripe.example.com"', "--browser visits pages on this machine only"),
    ],
)
def test_a_browser_without_pages_on_this_machine_is_a_mistake(
    profile: Path, served: dict[str, str], old: str, new: str, reason: str
) -> None:
    text, old = profile.read_text(encoding="utf-8"), old.replace("{stripe}", served["stripe"])
    assert old in text
    profile.write_text(text.replace(old, new), encoding="utf-8")
    code, _, err = said(profile.parent, "run", "quick.yaml", "--target", "staging.toml", "--browser")
    assert code == 2, err
    assert reason in err


def test_pages_of_the_double_can_be_visited_by_a_browser(profile: Path, chromium: Path) -> None:
    folder = profile.parent
    text = profile.read_text(encoding="utf-8")
    profile.write_text(text.replace('restricted_key_env = "STAGING_RESTRICTED_KEY"\n', ""), encoding="utf-8")
    challenged = SCENARIO.replace("first_card: succeeds", "first_card: three_d_secure\n  challenge: passed")
    (folder / "quick.yaml").write_text(challenged.replace("count: 3", "count: 1"), encoding="utf-8")
    watched = folder / "watched-chromium"
    watched.write_text(f'#!/bin/sh\necho started >> {folder}/started\nexec {chromium} "$@"\n', encoding="utf-8")
    watched.chmod(0o700)
    line = ("run", "quick.yaml", "--target", "staging.toml", "--out", "run", "--browser", "--chromium", str(watched))
    code, out, err = said(folder, *line)
    assert code == 3, out + err  # there is no ledger, which spares the minute that its events are waited for
    [variant] = json.loads((folder / "run" / "result.json").read_text(encoding="utf-8"))["scenarios"]
    assert variant["conversion"]["value"] == 1.0
    assert (folder / "started").read_text(encoding="utf-8") == "started\n"
