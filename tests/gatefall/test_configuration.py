from __future__ import annotations

from pathlib import Path

import pytest

from gatefall.configuration import SETTINGS, check_variables, defaults_by_subcommand, read_settings
from gatefall.mistakes import Mistake


def settings_of(tmp_path: Path, text: str) -> dict[str, object]:
    path = tmp_path / "gatefall.toml"
    path.write_text(text, encoding="utf-8")
    return read_settings(path)


def test_no_file_sets_nothing(tmp_path: Path) -> None:
    assert read_settings(tmp_path / "gatefall.toml") == {}


def test_every_setting_can_be_set(tmp_path: Path) -> None:
    text = (
        'target = "simulated"\npace = 0.5\nbrowser = true\nchromium = "/c"\n'
        'phase = ["0-1", 3]\ncustomers = 10\nseed = 7\nworkers = 2\nout = "x"\n'
        "jsonl = true\nquiet = false\n"
    )
    settings = settings_of(tmp_path, text)
    assert list(settings) == list(SETTINGS)
    defaults = defaults_by_subcommand(settings)
    assert defaults["run"]["phases"] == ["0-1", "3"]
    assert defaults["judge"] == {"workers": 2, "quiet": False}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sede = 1", 'gatefall.toml: there is no setting "sede"; did you mean "seed"?'),
        ("zzz = 1", 'there is no setting "zzz"; expected one of: target, pace'),
        ('seed = "7"', "seed = '7', expected a whole number"),
        ("seed = true", "seed = True, expected a whole number"),
        ("quiet = 1", "quiet = 1, expected true or false"),
        ("out = 3", "out = 3, expected text in quotes"),
        ("phase = []", "phase = \\[\\], expected a phase"),
        ("phase = [[1]]", "expected a phase"),
        ("seed = ", "gatefall.toml: is not TOML"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(Mistake, match=message):
        settings_of(tmp_path, text)


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "gatefall.toml"
    path.write_bytes(b"seed = \xff")
    with pytest.raises(Mistake, match="cannot be read"):
        read_settings(path)


def test_variables_that_mean_nothing_are_told() -> None:
    check_variables({"GATEFALL_SEED": "1", "HOME": "/"})
    with pytest.raises(Mistake, match='GATEFALL_CUSTOMER means nothing to gatefall; did you mean "GATEFALL_CUSTOMERS"'):
        check_variables({"GATEFALL_CUSTOMER": "1"})
