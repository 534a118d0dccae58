"""The benchmark of purchases over HTTP still runs, on purchases that went the same in both media."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_benchmark_runs() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "purchases.py"), "--customers", "5", "--rounds", "1"]
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, env=surroundings)
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"purchases a second and core", done.stdout)) == 2
    assert "ratio of cost (a)/(b), median" in done.stdout
    [exchanges] = re.findall(r"exchanges a purchase: ([0-9.]+)", done.stdout)
    assert float(exchanges) >= 6  # one to each server at least, and a webhook
