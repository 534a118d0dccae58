"""The recorded facts of a run: Parquet files that a kill cannot tear, and a digest that does not depend on them.

    OUT/facts/<scenario>/<variant>/part-00000.parquet

A part holds whole customers, at most `CUSTOMERS_PER_PART` of them, in the order in which they settled. It appears
under its name only when it is complete and on the disk. Its digest is the SHA-256 of a canonical serialisation of its
facts, customer by customer, so it is the same whatever grouped, compressed or wrote the rows.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sim.facts import Fact

CUSTOMERS_PER_PART: Final = 1_000
FACTS_PER_ROW_GROUP: Final = 10_000
"""Bounds what is held in memory; a row group ends with the customer who reaches it. Smaller ones cost more to write."""

_LOW_CARDINALITY: Final = ("source", "actor", "kind", "operation", "state")
_SCHEMA: Final = pa.schema(
    [
        pa.field("customer", pa.int32(), nullable=False),
        pa.field("account", pa.string(), nullable=False),
        pa.field("time_us", pa.int64(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("actor", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("subject", pa.string(), nullable=False),
        pa.field("related", pa.string()),
        pa.field("operation", pa.string()),
        pa.field("state", pa.string()),
        pa.field("status", pa.int32()),
        pa.field("code", pa.int32()),
        pa.field("amount_minor", pa.int64()),
        pa.field("detail", pa.binary()),
    ]
)
_LINE_FEED: Final = orjson.Fragment(b"\n")
_BETWEEN_DETAILS: Final = b",\n,"
"""What parts the details in the canonical bytes: JSON holds no line feeds of its own."""
_NO_DETAIL: Final = b"null"

_OF_OWNERS: Final = tuple(_SCHEMA)[:2]
_OF_FACTS: Final = tuple(_SCHEMA)[2:]
_DIGEST: Final = b"gatefall.digest"
_CUSTOMERS: Final = b"gatefall.customers"


class DamagedPart(Exception):
    """A recorded part cannot be read, or does not hold what was written. Says which file and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Part:
    """What is known of one part once it is written or read."""

    number: int
    customers: int
    facts: int
    digest: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """One customer's history as it was recorded."""

    customer: int
    account: str
    facts: list[Fact]


def canonical_history(facts: Sequence[Fact]) -> bytes:
    """The canonical bytes of one customer's facts: equal histories give equal bytes, whether recorded or not.

    They are JSON: the values column by column, then the details with sorted keys, each on a line of its own.
    """
    *columns, details = zip(*facts, strict=True)
    return orjson.dumps(columns) + _dump_details(details)


def _dump_details(details: Sequence[Mapping[str, Any] | None]) -> bytes:
    """All details in one call, because a call for each would cost more than all the rest."""
    parted: list[Any] = [_LINE_FEED] * (2 * len(details) - 1)
    parted[::2] = details
    return orjson.dumps(parted, None, orjson.OPT_SORT_KEYS)


def combined_digest(digests: Iterable[str]) -> str:
    """The digest of several parts, cells or variants in their order."""
    whole = sha256()
    for digest in digests:
        whole.update(bytes.fromhex(digest))
    return whole.hexdigest()


class PartWriter:
    """Writes one part, row group by row group, under a temporary name until `finish`."""

    def __init__(self, path: Path, number: int) -> None:
        self.customers = 0
        self._path = path
        self._number = number
        self._partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        self._file = self._partial.open("wb")
        self._parquet = pq.ParquetWriter(
            self._file,
            _SCHEMA,
            compression="zstd",
            compression_level=1,
            use_dictionary=["account", "subject", "related", "detail", *_LOW_CARDINALITY],
            column_encoding={"customer": "DELTA_BINARY_PACKED", "time_us": "DELTA_BINARY_PACKED"},
            write_statistics=["customer"],
            store_schema=False,
        )
        self._digest = sha256()
        self._flushed = 0
        self._rows = 0
        self._owners: list[tuple[int, int, str]] = []
        """The end of each customer's rows, the customer's number and account."""
        self._columns: list[list[Any]] = [[] for _ in _OF_FACTS]

    def add(self, customer: int, account: str, facts: Sequence[Fact]) -> None:
        """Record the whole history of one customer."""
        self.customers += 1
        if not facts:
            return
        *columns, details = zip(*facts, strict=True)
        dumped = _dump_details(details)
        self._digest.update(orjson.dumps((customer, account, *columns)))
        self._digest.update(dumped)
        columns.append([None if row == _NO_DETAIL else row for row in dumped[1:-1].split(_BETWEEN_DETAILS)])
        for held, new in zip(self._columns, columns, strict=True):
            held += new
        self._rows += len(facts)
        self._owners.append((self._rows, customer, account))
        if self._rows >= FACTS_PER_ROW_GROUP:
            self._flush()

    def finish(self) -> Part:
        """Put the part in its place, which a kill cannot undo.

        Its content is on the disk before its name is, so that a power cut can lose a part but not tear one.
        """
        self._flush()
        digest = self._digest.hexdigest()
        self._parquet.add_key_value_metadata({_DIGEST: digest, _CUSTOMERS: str(self.customers)})
        self._parquet.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._partial.replace(self._path)
        return Part(self._number, self.customers, self._flushed, digest)

    def abandon(self) -> None:
        """Leave nothing behind."""
        with contextlib.suppress(OSError, pa.ArrowException):
            self._parquet.close()
        self._file.close()
        self._partial.unlink(missing_ok=True)

    def _flush(self) -> None:
        """Write the facts at hand as one row group."""
        if self._rows == 0:
            return
        ends, *owners = zip(*self._owners, strict=True)
        arrays = [_repeated(ends, values, field) for values, field in zip(owners, _OF_OWNERS, strict=True)]
        arrays += [pa.array(values, field.type) for values, field in zip(self._columns, _OF_FACTS, strict=True)]
        self._parquet.write_table(pa.Table.from_arrays(arrays, schema=_SCHEMA), row_group_size=self._rows)
        self._flushed += self._rows
        self._rows = 0
        self._owners.clear()
        for held in self._columns:
            held.clear()


def _repeated(ends: Sequence[int], values: Sequence[Any], field: Any) -> Any:
    """A column in which each value stands until its end."""
    runs = pa.RunEndEncodedArray.from_arrays(pa.array(ends, pa.int32()), pa.array(values, field.type))
    return pc.run_end_decode(runs)


class CellWriter:
    """Writes the parts of one cell, as its customers settle. Use it as a context: what is not finished is abandoned."""

    def __init__(self, directory: Path, first_part: int, customers: int) -> None:
        self.parts: list[Part] = []
        self._directory = directory
        self._next_part = first_part
        self.left = customers
        self._writer: PartWriter | None = None

    def __enter__(self) -> CellWriter:
        self._directory.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.abandon()

    def add(self, customer: int, account: str, facts: Sequence[Fact]) -> bool:
        """Record one customer. True if that completed a part."""
        if self.left == 0:
            raise ValueError(f"customer {customer} settled after all customers of its cell had settled")
        if self._writer is None:
            self._writer = PartWriter(part_path(self._directory, self._next_part), self._next_part)
        self._writer.add(customer, account, facts)
        self.left -= 1
        if self.left and self._writer.customers < CUSTOMERS_PER_PART:
            return False
        self.parts.append(self._writer.finish())
        self._writer = None
        self._next_part += 1
        return True


def variant_directory(out: Path, scenario: str, slug: str) -> Path:
    """Where the parts of a variant are."""
    return out / "facts" / scenario / slug


def part_path(directory: Path, number: int) -> Path:
    """The file of a variant's part."""
    return directory / f"part-{number:05d}.parquet"


def remove_partial_files(out: Path) -> None:
    """Remove what writers that were killed left behind. No run may be writing there."""
    for pattern in (".*.partial", "facts/*/*/.part-*.partial"):
        for partial in sorted(out.glob(pattern)):
            partial.unlink(missing_ok=True)


class PartReader:
    """Reads one part back, customer by customer, and says at the end whether it holds what was written."""

    def __init__(self, path: Path, number: int) -> None:
        """Raises DamagedPart if there is no such part or it is not a part."""
        self._path = path
        self._number = number
        try:
            self._parquet = pq.ParquetFile(path)
        except (OSError, pa.ArrowException) as error:
            raise DamagedPart(f"{path}: cannot be read as Parquet: {error}") from error
        metadata = self._parquet.metadata.metadata or {}
        if self._parquet.schema_arrow.names != _SCHEMA.names or _DIGEST not in metadata:
            raise DamagedPart(f"{path}: is Parquet, but not a part that gatefall wrote")
        self.digest = metadata[_DIGEST].decode()
        self.customers = int(metadata[_CUSTOMERS])

    def __enter__(self) -> PartReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._parquet.close()

    @property
    def part(self) -> Part:
        """What the file says of itself."""
        return Part(self._number, self.customers, self._parquet.metadata.num_rows, self.digest)

    def __iter__(self) -> Iterator[Recorded]:
        """The customers in the order in which they settled. Holds one row group at a time.

        Raises DamagedPart where a row group cannot be read, and after the last customer if the facts do not match
        the digest that was written with them.
        """
        digest = sha256()
        for group in range(self._parquet.num_row_groups):
            for span in _spans([column.to_pylist() for column in self._table(group).columns]):
                digest.update(orjson.dumps((span[0][0], span[1][0], *span[2:-1])))
                digest.update(b"[%b]" % _BETWEEN_DETAILS.join(span[-1]))
                yield _recorded(span)
        if digest.hexdigest() != self.digest:
            raise DamagedPart(f"{self._path}: its facts do not match the digest that was written with them")

    def find(self, customers: Collection[int]) -> Iterator[Recorded]:
        """The histories of some customers, as far as they are in this part. Reads only the row groups that may hold
        them, and does not check the digest. Raises DamagedPart."""
        wanted = pa.array(sorted(customers), pa.int32())
        for group in range(self._parquet.num_row_groups):
            statistics = self._parquet.metadata.row_group(group).column(0).statistics
            if not any(statistics.min <= customer <= statistics.max for customer in customers):
                continue
            table = self._table(group)
            rows = table.filter(pc.is_in(table.column(0), value_set=wanted))
            yield from map(_recorded, _spans([column.to_pylist() for column in rows.columns]))

    def _table(self, group: int) -> Any:
        try:
            return self._parquet.read_row_group(group, use_threads=False)
        except (OSError, pa.ArrowException) as error:
            raise DamagedPart(f"{self._path}: row group {group} cannot be read: {error}") from error


def _spans(columns: list[list[Any]]) -> Iterator[list[list[Any]]]:
    """The columns of each customer, whose rows stand together; a detail that is missing as the JSON for that."""
    customers = columns[0]
    columns[-1] = [_NO_DETAIL if detail is None else detail for detail in columns[-1]]
    first = 0
    for row in range(1, len(customers) + 1):
        if row == len(customers) or customers[row] != customers[first]:
            yield [column[first:row] for column in columns]
            first = row


def _recorded(span: list[list[Any]]) -> Recorded:
    details = orjson.loads(b"[%b]" % b",".join(span[-1]))
    facts = [Fact._make(row) for row in zip(*span[2:-1], details, strict=True)]
    return Recorded(span[0][0], span[1][0], facts)
