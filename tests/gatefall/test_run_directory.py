from __future__ import annotations

from pathlib import Path

import pytest

from gatefall.mistakes import Mistake
from gatefall.run_directory import claim, next_free_directory


def test_numbers_go_on_after_the_last(tmp_path: Path) -> None:
    assert next_free_directory(tmp_path) == tmp_path / "001"
    for name in ("001", "007", "007-copy", "week"):
        (tmp_path / name).mkdir()
    assert next_free_directory(tmp_path) == tmp_path / "008"


def test_new_and_empty_directories_are_free(tmp_path: Path) -> None:
    claim(tmp_path, force=False)
    claim(tmp_path / "new", force=False)


def test_a_recorded_run_is_replaced_only_by_force_and_nothing_else_goes(tmp_path: Path) -> None:
    (tmp_path / "facts" / "a").mkdir(parents=True)
    (tmp_path / "run.json").touch()
    (tmp_path / "notes.txt").touch()
    with pytest.raises(Mistake, match=r"--resume.*--force"):
        claim(tmp_path, force=False)
    assert (tmp_path / "facts").exists()
    claim(tmp_path, force=True)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_what_is_no_run_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(Mistake, match="no recorded run"):
        claim(tmp_path, force=True)
    with pytest.raises(Mistake, match="is a file"):
        claim(tmp_path / "thesis.txt", force=True)
    with pytest.raises(Mistake, match="cannot be used to record the run in: Not a directory"):
        claim(tmp_path / "thesis.txt" / "run", force=True)


def test_a_run_that_cannot_be_removed_is_told_and_still_known_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run.json").touch()
    (tmp_path / "report.html").touch()

    def unlink(path: Path, missing_ok: bool = False) -> None:
        if path.name == "report.html":
            raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "unlink", unlink)
    with pytest.raises(Mistake, match=r"cannot be removed: .*report\.html: Permission denied"):
        claim(tmp_path, force=True)
    assert (tmp_path / "run.json").exists()
