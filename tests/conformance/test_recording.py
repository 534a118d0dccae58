from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance import recording
from conformance.recording import (
    CellWriter,
    DamagedPart,
    PartReader,
    PartWriter,
    canonical_history,
    combined_digest,
    part_path,
    remove_partial_files,
)
from sim.facts import Fact
from tests.conformance.invented import invented_facts

DIGEST_OF_THREE_CUSTOMERS = "b4797c5c2d08a7f7"


def write(directory: Path, customers: range, seed: int = 7) -> CellWriter:
    with CellWriter(directory, 0, len(customers)) as writer:
        for customer in customers:
            writer.add(customer, f"acct{customer:08d}", invented_facts(seed, customer))
    return writer


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
maybe_text = st.none() | text
whole = st.integers(-(2**31), 2**31 - 1)
details = st.dictionaries(
    text,
    st.recursive(
        st.none() | st.booleans() | whole | st.floats(allow_nan=False, allow_infinity=False) | text,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
        max_leaves=5,
    ),
    max_size=3,
)
facts = st.builds(
    Fact,
    time_us=st.integers(0, 2**62),
    source=st.sampled_from(["exact", "observed"]),
    actor=text,
    kind=text,
    subject=text,
    related=maybe_text,
    operation=maybe_text,
    state=maybe_text,
    status=st.none() | whole,
    code=st.none() | whole,
    amount_minor=st.none() | st.integers(-(2**62), 2**62),
    detail=st.none() | details,
)


@given(histories=st.lists(st.lists(facts, min_size=1, max_size=5), min_size=1, max_size=4))
def test_what_was_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, histories: list[list[Fact]]) -> None:
    path = part_path(tmp_path_factory.mktemp("facts"), 0)
    writer = PartWriter(path, 0)
    for customer, history in enumerate(histories):
        writer.add(customer, f"acct{customer}", history)
    part = writer.finish()
    with PartReader(path, 0) as reader:
        read = list(reader)
        assert reader.part == part
    assert [recorded.facts for recorded in read] == histories
    assert [(recorded.customer, recorded.account) for recorded in read] == [
        (customer, f"acct{customer}") for customer in range(len(histories))
    ]
    assert part.facts == sum(map(len, histories))


def test_the_same_facts_make_the_same_bytes(tmp_path: Path) -> None:
    write(tmp_path / "one", range(50))
    write(tmp_path / "two", range(50))
    assert part_path(tmp_path / "one", 0).read_bytes() == part_path(tmp_path / "two", 0).read_bytes()


def test_the_digest_is_that_of_the_facts_and_not_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [plain] = write(tmp_path / "plain", range(3)).parts
    with monkeypatch.context() as patch:
        original = pq.ParquetWriter
        patch.setattr(
            recording.pq,
            "ParquetWriter",
            lambda file, schema, **options: original(
                file, schema, **{**options, "compression": "snappy", "compression_level": None}
            ),
        )
        [snappy] = write(tmp_path / "snappy", range(3)).parts
    assert snappy == plain
    assert part_path(tmp_path / "plain", 0).read_bytes() != part_path(tmp_path / "snappy", 0).read_bytes()
    [other_seed] = write(tmp_path / "other", range(3), seed=8).parts
    assert other_seed.digest != plain.digest


def test_the_digest_does_not_change_from_version_to_version(tmp_path: Path) -> None:
    [part] = write(tmp_path, range(3)).parts
    assert part.digest.startswith(DIGEST_OF_THREE_CUSTOMERS)


def test_the_order_of_a_detail_means_nothing() -> None:
    one = Fact(1, "exact", "a", "k", "s", detail={"a": 1, "b": [1, 2]})
    other = Fact(1, "exact", "a", "k", "s", detail={"b": (1, 2), "a": 1})
    assert canonical_history([one]) == canonical_history([other])
    assert canonical_history([one]) != canonical_history([one._replace(code=1210)])


def test_a_part_ends_after_so_many_customers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "CUSTOMERS_PER_PART", 4)
    parts = write(tmp_path, range(10)).parts
    assert [(part.number, part.customers) for part in parts] == [(0, 4), (1, 4), (2, 2)]
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"part-0000{number}.parquet" for number in range(3)]


def test_row_groups_bound_what_is_held_and_part_no_customer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [whole_part] = write(tmp_path / "whole", range(10)).parts
    monkeypatch.setattr(recording, "FACTS_PER_ROW_GROUP", 6)
    write(tmp_path / "grouped", range(10))
    path = part_path(tmp_path / "grouped", 0)
    metadata = pq.read_metadata(path)
    assert [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)] == [8] * 5
    with PartReader(path, 0) as reader:
        assert [recorded.facts for recorded in reader] == [invented_facts(7, customer) for customer in range(10)]
        assert reader.part == whole_part


def test_customers_are_found_without_reading_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "FACTS_PER_ROW_GROUP", 6)
    write(tmp_path, range(10))
    with PartReader(part_path(tmp_path, 0), 0) as reader:
        groups: list[int] = []
        original = reader._table
        monkeypatch.setattr(reader, "_table", lambda group: (groups.append(group), original(group))[1])
        assert [recorded.facts for recorded in reader.find([7, 1])] == [invented_facts(7, 1), invented_facts(7, 7)]
        assert groups == [0, 3]
        assert list(reader.find([10])) == []


def test_an_unfinished_part_leaves_nothing_behind(tmp_path: Path) -> None:
    def run() -> None:
        with CellWriter(tmp_path, 0, 2) as writer:
            writer.add(0, "acct0", invented_facts(7, 0))
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        run()
    assert list(tmp_path.iterdir()) == []


def test_a_killed_writer_leaves_finished_parts_and_no_half_one(tmp_path: Path) -> None:
    directory = tmp_path / "facts" / "scenario" / "phase-2"
    program = f"""
import os, signal
from pathlib import Path
from conformance import recording
from tests.conformance.invented import invented_facts
recording.CUSTOMERS_PER_PART = 2
recording.FACTS_PER_ROW_GROUP = 1
with recording.CellWriter(Path({str(directory)!r}), 0, 10) as writer:
    for customer in range(5):
        writer.add(customer, f"acct{{customer:08d}}", invented_facts(7, customer))
    os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[2], check=False)
    assert killed.returncode == -9
    names = sorted(path.name for path in directory.iterdir())
    assert names[1:] == ["part-00000.parquet", "part-00001.parquet"]
    assert names[0].endswith(".partial")
    for number in range(2):
        with PartReader(part_path(directory, number), number) as reader:
            assert [recorded.facts for recorded in reader] == [
                invented_facts(7, customer) for customer in (2 * number, 2 * number + 1)
            ]
    (tmp_path / ".run.json.1.partial").touch()
    remove_partial_files(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["facts"]
    assert sorted(path.name for path in directory.iterdir()) == names[1:]


def test_a_customer_too_many_is_a_mistake(tmp_path: Path) -> None:
    writer = write(tmp_path, range(2))
    with pytest.raises(ValueError, match="customer 1 settled after all"):
        writer.add(1, "acct1", invented_facts(7, 1))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: b"", "cannot be read as Parquet"),
        (lambda content: content[: len(content) // 2], "cannot be read as Parquet"),
        (lambda content: content.replace(b"gatefall.digest", b"gatefall.digits"), "not a part that gatefall wrote"),
    ],
)
def test_a_damaged_file_is_told_apart(tmp_path: Path, damage: object, message: str) -> None:
    write(tmp_path, range(3))
    path = part_path(tmp_path, 0)
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(DamagedPart, match=f"part-00000.parquet: .*{message}"):
        PartReader(path, 0)


def test_changed_facts_do_not_match_their_digest(tmp_path: Path) -> None:
    write(tmp_path / "one", range(3))
    write(tmp_path / "two", range(3), seed=8)
    path = part_path(tmp_path / "one", 0)
    table = pq.read_table(part_path(tmp_path / "two", 0))
    pq.write_table(table.replace_schema_metadata(pq.read_metadata(path).metadata), path)
    with PartReader(path, 0) as reader, pytest.raises(DamagedPart, match="do not match the digest"):
        list(reader)


def test_digests_combine_in_order() -> None:
    assert combined_digest(["00", "ff"]) != combined_digest(["ff", "00"])
    assert combined_digest(iter([])) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
