"""The benchmark of Stripe servers still runs, and measures what it says. What it measures is no test's affair."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parent.parent / "benchmarks" / "stripe_servers.py"


def test_the_benchmark_runs(stripe_mock: Path) -> None:
    few = ["--requests", "20", "--rounds", "1", "--stored", "200", "--connections", "2"]
    command = [sys.executable, str(BENCHMARK), *few, "--without", "localstripe"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    for stored in ("0", "200"):
        assert [row[0] for row in rows if row[1:3] == [stored, "stored"]] == ["POST", "GET"]
        assert any(row[:4] == ["GET", "one", stored, "stored"] for row in rows)
    assert done.stdout.count("at most 3: ") == 6
    assert "The client was at most" in done.stdout
