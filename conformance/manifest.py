"""The manifest of a run: what was asked for, written before the first customer comes.

`OUT/run.json` holds the scenario files as they were, so that a recorded run can be resumed, judged, reported and
replayed without them. It holds no dates and no machine's names: the same run writes the same file.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Literal

import orjson

from conformance.circumstances import Circumstances, circumstances_of
from scenarios.scenario import Regime, Variant

FILE_NAME: Final = "run.json"
FORMAT: Final = 1
"""Raised whenever an older manifest or recording could no longer be read."""

Status = Literal["running", "interrupted", "failed", "complete"]


class NotARun(Exception):
    """A directory holds no recorded run, or one that this version cannot read. The message says what to do."""


@cache
def model_fingerprint() -> str:
    """The SHA-256 of the sources that decide what customers and services do: equal means equal facts."""
    whole = sha256()
    for package in ("scenarios", "sim"):
        root = Path(str(files(package)))
        for path in _sources(root):
            content = path.read_bytes()
            whole.update(f"{package}/{path.relative_to(root).as_posix()} {len(content)}\n".encode())
            whole.update(content)
    return whole.hexdigest()


def _sources(root: Path) -> Iterable[Path]:
    return sorted(root.rglob("*.py"), key=lambda path: path.relative_to(root).as_posix())


@dataclass(frozen=True, slots=True)
class StoredScenario:
    """One scenario file as it was when the run began."""

    name: str
    file: str
    text: str
    sha256: str

    @classmethod
    def of(cls, name: str, file: str, text: str) -> StoredScenario:
        """Store a file's text with its digest."""
        return cls(name, file, text, sha256(text.encode()).hexdigest())


@dataclass(frozen=True, slots=True)
class PlannedVariant:
    """One variant as it was planned, for people and for checking that the plan is still the same."""

    scenario: str
    slug: str
    customers: int
    cells: int


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A variant that was asked for and cannot be run at the target, and why."""

    scenario: str
    slug: str
    because: str


@dataclass(frozen=True, slots=True)
class StoredSuite:
    """That a run is one of the conformance suite, and in which phase and regime the target was."""

    phase: int
    regime: Regime


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything that a run's facts depend on, and how far it came.

    `phases` and `customers` are what the command line put in place of the files' own; empty and None: nothing.
    `circumstances`: what is particular to the deployment, where it is a real one; `left_out`: what cannot be run there.
    `suite`: set where the variants are the conformance suite's. `model` is the fingerprint of the code that acts.
    """

    gatefall: str
    seed: int
    target: str
    scenarios: tuple[StoredScenario, ...]
    variants: tuple[PlannedVariant, ...]
    phases: tuple[int, ...] = ()
    customers: int | None = None
    circumstances: Mapping[str, Any] = field(default_factory=dict)
    left_out: tuple[LeftOut, ...] = ()
    suite: StoredSuite | None = None
    model: str = field(default_factory=model_fingerprint)
    status: Status = "running"
    format: int = FORMAT

    def write(self, out: Path) -> None:
        """Put the manifest in place, at once or not at all."""
        data = orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        partial = out / f".{FILE_NAME}.{os.getpid()}.partial"
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(out / FILE_NAME)

    def circumstances_of(self, variant: Variant) -> Circumstances:
        """The circumstances in which the run's customers of a variant act."""
        noted = dict(self.circumstances)
        declared = noted.get("declared_consumers")
        if declared is not None:
            noted["declared_consumers"] = tuple((client, operation) for client, operation in declared)
        return replace(circumstances_of(variant, self.target), **noted)

    def with_status(self, status: Status) -> Manifest:
        """The same run, at another stage."""
        return replace(self, status=status)

    def same_plan(self, other: Manifest) -> bool:
        """Whether both would record the same facts, whatever their stage."""
        return self.with_status("running") == other.with_status("running")


def read_manifest(out: Path) -> Manifest:
    """The manifest of the run in that directory. Raises NotARun."""
    path = out / FILE_NAME
    try:
        data = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        raise NotARun(
            f"{out}: holds no recorded run ({FILE_NAME} is missing); `gatefall run --out DIR` makes one"
        ) from None
    except (OSError, orjson.JSONDecodeError) as error:
        raise NotARun(f"{path}: cannot be read: {error}") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        found = data.get("format") if isinstance(data, dict) else None
        raise NotARun(f"{path}: format {found!r}, expected {FORMAT}; it was recorded by another version of gatefall")
    try:
        return _from_json(data)
    except (TypeError, KeyError, AttributeError) as error:
        raise NotARun(f"{path}: is not a manifest that gatefall wrote: {error}") from error


def _from_json(data: dict[str, Any]) -> Manifest:
    data["scenarios"] = tuple(StoredScenario(**scenario) for scenario in data["scenarios"])
    data["variants"] = tuple(PlannedVariant(**variant) for variant in data["variants"])
    data["left_out"] = tuple(LeftOut(**variant) for variant in data.get("left_out", ()))
    data["phases"] = tuple(data["phases"])
    suite = data.get("suite")
    data["suite"] = None if suite is None else StoredSuite(**suite)
    return Manifest(**data)
