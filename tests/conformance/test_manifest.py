from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from conformance.manifest import FILE_NAME, NotARun, model_fingerprint, read_manifest
from tests.conformance.invented import invented_plan, invented_variant

MANIFEST = invented_plan(invented_variant(25), invented_variant(3, "zurich")).manifest


def test_a_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    MANIFEST.write(tmp_path)
    assert read_manifest(tmp_path) == MANIFEST
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_the_same_run_writes_the_same_file(tmp_path: Path) -> None:
    MANIFEST.write(tmp_path)
    before = (tmp_path / FILE_NAME).read_bytes()
    MANIFEST.write(tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == before


def test_the_fingerprint_is_part_of_the_plan() -> None:
    assert MANIFEST.model == model_fingerprint()
    assert len(MANIFEST.model) == 64


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "holds no recorded run"),
        (b"{", "cannot be read"),
        (b"[]", "format None, expected 1"),
        (b'{"format": 99}', "format 99, expected 1"),
        (b'{"format": 1}', "not a manifest"),
        (orjson.dumps({"format": 1, "scenarios": [{}], "variants": [], "phases": []}), "not a manifest"),
    ],
)
def test_what_is_not_a_run_is_told(tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(NotARun, match=message):
        read_manifest(tmp_path)
