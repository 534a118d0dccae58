"""What a test needs and does not find: a skip that says how to get it, a failure in CI."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import needed


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("TEST_POSTGRESQL", raising=False)
    monkeypatch.delenv("TEST_STRIPE_MOCK", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))


def find_stripe_mock() -> Path:
    return needed.program("stripe-mock", "TEST_STRIPE_MOCK", ("stripe-mock",), "install it: go install …")


def test_an_absent_server_skips_and_says_how_to_get_it() -> None:
    with pytest.raises(pytest.skip.Exception, match=r"needs PostgreSQL: set TEST_POSTGRESQL, or run .*services"):
        needed.address("PostgreSQL", "TEST_POSTGRESQL")


def test_an_absent_program_skips_and_says_how_to_get_it() -> None:
    with pytest.raises(pytest.skip.Exception, match="TEST_STRIPE_MOCK, or install it: go install"):
        find_stripe_mock()


def test_what_is_absent_in_ci_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "1")
    with pytest.raises(pytest.fail.Exception, match="CI needs stripe-mock"):
        find_stripe_mock()


def test_a_variable_that_names_no_program_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TEST_STRIPE_MOCK", str(tmp_path / "nowhere"))
    with pytest.raises(pytest.fail.Exception, match="nowhere', which is not a program"):
        find_stripe_mock()


@pytest.mark.parametrize("place", [".", "go/bin"])
def test_a_program_is_found_on_the_path_and_among_those_of_go(tmp_path: Path, place: str) -> None:
    file = tmp_path / place / "stripe-mock"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("#!/bin/sh\n", encoding="utf-8")
    file.chmod(0o755)
    assert find_stripe_mock() == file
