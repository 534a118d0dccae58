"""A failure as a scenario file: it runs by itself, says what it shows, and is read back to be tried first next time."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

from conformance.exploring.exploration import Found
from conformance.exploring.trial import Key, View
from scenarios.reading import read_scenario_text
from scenarios.scenario import Variant
from scenarios.scenario_error import ScenarioErrors
from scenarios.variants import variants

FOLDER: Final = "failures"
_WIDTH: Final = 100
_NAME_CHARACTERS: Final = 60

_SEED: Final = re.compile(r"^# Seed: (\d+)$", re.MULTILINE)
_VIEW: Final = re.compile(r"^# Judged: (exact|outside)$", re.MULTILINE)
_FAILURE: Final = re.compile(r"^# Fails by: ([a-z0-9-]+)(?: \(([a-z_]+)\))?$", re.MULTILINE)


class NotAFailure(Exception):
    """A file that cannot be read as a failure that was kept. Says why."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A failure that was kept: the variant and the seed that showed it, from which view, and what it failed by."""

    path: Path
    variant: Variant
    seed: int
    view: View
    keys: tuple[Key, ...]


def kept_in(out: Path) -> list[Path]:
    """The failures that earlier explorations have kept, in the order of their names."""
    return sorted((out / FOLDER).glob("*.yaml"))


def read_kept(path: Path) -> Kept:
    """A failure as it was kept. Raises NotAFailure, also for a scenario that this version refuses."""
    try:
        content = path.read_bytes()
        loaded = read_scenario_text(content, str(path))
    except (OSError, ScenarioErrors) as error:
        raise NotAFailure(str(error)) from error
    text = content.decode(errors="replace")
    seed, view, keys = _SEED.search(text), _VIEW.search(text), _FAILURE.findall(text)
    every = variants([loaded])
    if seed is None or view is None or not keys or len(every) != 1:
        raise NotAFailure(
            f"{path}: not as gatefall explore writes it: expected the comments Seed, Judged and Fails by, and one phase"
        )
    judged: View = "outside" if view[1] == "outside" else "exact"
    return Kept(path, every[0], int(seed[1]), judged, tuple(Key(what, operation) for what, operation in keys))


def name_of(found: Found) -> str:
    """The scenario's name: what is violated, and a digest of the draft."""
    return f"{found.failure.key.what[:_NAME_CHARACTERS]}-{found.draft.digest}"


def write_failure(found: Found, out: Path, target: str, view: View, version: str) -> Path:
    """Write a failure to `out`/failures, in place of one of the same name."""
    path = out / FOLDER / f"{name_of(found)}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(file_text(found, replay_line(path, found.draft.seed, target), target, view, version), "utf-8")
    return path


def replay_line(path: Path, seed: int, target: str) -> str:
    """The command that runs the file by itself."""
    words = ["gatefall", "run", str(path), "--seed", str(seed)]
    return shlex.join([*words, "--target", target] if target != "simulated" else words)


def file_text(found: Found, replay: str, target: str, view: View, version: str) -> str:
    """The scenario file, with comments that say what it shows and how to see it."""
    violated = [one.key for one in (found.failure, *found.with_it) if one.finding is not None]
    lines = [
        f"# Found by gatefall explore {version} at target {target}, and made as small as it gets: no key can be left",
        "# out of it without losing the failure.",
        f"# Seed: {found.draft.seed}",
        f"# Judged: {view}",
        *(f"# Fails by: {key}" for key in found.keys),
        "#",
        *_comment(found.failure.text),
        "#",
        f"# To see it: {replay}",
        *_what_to_do([key.what for key in violated]),
    ]
    return "\n".join(lines) + "\n" + scenario_text(found)


def _what_to_do(violated: Sequence[str]) -> list[str]:
    """How the file is of use later."""
    if not violated:
        return []
    names = ", ".join(dict.fromkeys(violated))
    return _comment(
        "Committed as it is, it is a test that fails until the defect is gone. To keep it as a negative control, which "
        f"fails when the defect is gone, add  expect: [{{violated: [{names}]}}]"
    )


def _comment(text: str) -> list[str]:
    return textwrap.wrap(
        " ".join(text.split()),
        _WIDTH,
        initial_indent="# ",
        subsequent_indent="# ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def scenario_text(found: Found) -> str:
    """The scenario itself as YAML: name, title, and the keys that depart from the defaults."""
    data = {"name": name_of(found), "title": _title(found), **found.draft.data}
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = _WIDTH
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = StringIO()
    yaml.dump(_plain(data), stream)
    return stream.getvalue()


def _title(found: Found) -> str:
    key = found.failure.key
    verb = "is violated" if found.failure.finding is not None else "happens"
    return f"{key} {verb} in phase {found.outcome.variant.phase}"


def _plain(value: Any) -> Any:
    """Shares of 1.0 are written as 1, as people write them."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return int(value) if isinstance(value, float) and value == int(value) else value


def reads_back(found: Found) -> bool:
    """Whether the file says exactly what was run."""
    mine = found.draft.variant().scenario
    theirs = read_scenario_text(scenario_text(found).encode()).scenario
    update = {"name": mine.name, "title": mine.title}
    return theirs.model_copy(update=update) == mine
