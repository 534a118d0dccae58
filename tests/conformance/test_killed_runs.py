"""Runs that are killed at any moment keep what was recorded, say that they are incomplete, and can be completed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

# One process forks all the runs: it has no threads, and importing everything twenty times would take a minute.
PROGRAM = """
import json, os, random, signal, sys, time
from pathlib import Path

import pandas  # pyarrow imports it at the first array, which would count as part of the first run

from conformance import cells, recording, running
from conformance.manifest import NotARun, read_manifest
from conformance.running import find_customers, read_plan, run_plan
from tests.conformance.invented import InventedTarget, invented_facts, invented_plan, invented_variant, sum_of

cells.CUSTOMERS_PER_CELL = recording.CUSTOMERS_PER_PART = running.CUSTOMERS_PER_PART = 20
recording.FACTS_PER_ROW_GROUP = 16
plan = invented_plan(invented_variant(100), invented_variant(100, "queues", shares_queues=True))
root = Path(sys.argv[1])


def contents(out):
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def in_child(out):
    pid = os.fork()
    if pid == 0:
        try:
            run_plan(plan, out, InventedTarget(), [sum_of])
        finally:
            os._exit(0)
    return pid


began = time.perf_counter()
os.waitpid(in_child(root / "whole"), 0)
duration_s = time.perf_counter() - began
whole = run_plan(plan, root / "whole", InventedTarget(), [sum_of])
expected = contents(root / "whole")
moments = random.Random(20)
incomplete = 0
for number in range(20):
    out = root / f"killed-{number}"
    pid = in_child(out)
    time.sleep(moments.uniform(0, duration_s))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    try:
        status = read_manifest(out).status
    except NotARun:
        assert not list(out.glob("facts/**/*.parquet")), "facts without a manifest"
        incomplete += 1
    else:
        read = read_plan(plan, out, [sum_of])
        assert read.complete or status == "running", status
        assert [variant.damaged for variant in read.variants] == [[], []]
        incomplete += not read.complete
        for variant, record in enumerate(read.variants):
            seen = record.folds[0].customers
            assert len(seen) == record.customers
            for customer, recorded in find_customers(plan, out, variant, seen).items():
                assert recorded.facts == invented_facts(7, customer)
    resumed = run_plan(plan, out, InventedTarget(), [sum_of])
    assert resumed.complete
    assert resumed.facts_sha256 == whole.facts_sha256
    assert contents(out) == expected
print(json.dumps({"incomplete": incomplete}))
"""


def test_twenty_killed_runs_can_all_be_completed(tmp_path: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout)["incomplete"] > 0, "no run was killed before its end"
