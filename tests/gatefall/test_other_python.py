"""The same seed on another version of Python: the same bytes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

OTHER_PYTHON = os.environ.get("OTHER_PYTHON")
ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(OTHER_PYTHON is None, reason="OTHER_PYTHON names no interpreter of another version to compare with")
def test_another_python_records_the_same_bytes(tmp_path: Path) -> None:
    assert OTHER_PYTHON is not None
    versions = {version_of(python) for python in (sys.executable, OTHER_PYTHON)}
    assert len(versions) == 2, f"OTHER_PYTHON is the same version: {versions}"
    for name, python in (("mine", sys.executable), ("other", OTHER_PYTHON)):
        arguments = ["a-normal-week", "--phase", "0,2,4", "--customers", "100", "--workers", "1", "-q"]
        finished = subprocess.run(
            [python, "-m", "gatefall", "run", *arguments, "--out", str(tmp_path / name)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.returncode in (0, 1, 3), finished.stderr
    assert digest(tmp_path / "mine") == digest(tmp_path / "other")
    assert files(tmp_path / "mine") == files(tmp_path / "other")


def version_of(python: str) -> str:
    program = "import sys; print(sys.version_info[:2])"
    return subprocess.run([python, "-c", program], capture_output=True, text=True, check=True).stdout


def digest(out: Path) -> str:
    found: str = json.loads((out / "result.json").read_bytes())["facts_sha256"]
    return found


def files(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.glob("facts/**/*.parquet"))}
