"""The journal of accounts: on disk before an account is used, whatever happens."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from conformance.real.accounts_journal import AccountsJournal, DamagedJournal, JournalInUse, MadeAccount, accounts_left


def made(reference: str, account_id: str = "acct1") -> MadeAccount:
    return MadeAccount(reference, account_id, "cus_1")


def test_what_is_made_is_left_until_it_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with AccountsJournal(path) as journal:
        journal.asked("r1")
        assert [one.account_id for one in journal.left] == [None]
        journal.made(made("r1"))
        journal.asked("r2")
        journal.made(made("r2", "acct2"))
        assert accounts_left(path) == 2  # on disk already, for anybody who looks
        journal.gone("r1")
    with AccountsJournal(path) as journal:
        assert journal.left == (made("r2", "acct2"),)
        journal.gone("r2")
    assert path.read_bytes() == b""
    assert accounts_left(path) == 0
    assert accounts_left(tmp_path / "never") == 0


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    with AccountsJournal(tmp_path / "journal"):
        assert stat.S_IMODE((tmp_path / "journal").stat().st_mode) == 0o600


def test_two_processes_do_not_use_a_deployment_at_once(tmp_path: Path) -> None:
    with AccountsJournal(tmp_path / "journal"), pytest.raises(JournalInUse, match="wait for its end"):
        AccountsJournal(tmp_path / "journal").__enter__()
    with AccountsJournal(tmp_path / "journal"):
        pass


@pytest.mark.parametrize("torn_at", range(1, 20))
def test_a_line_that_was_cut_off_while_it_was_written_counts_for_nothing(tmp_path: Path, torn_at: int) -> None:
    path = tmp_path / "journal"
    with AccountsJournal(path) as journal:
        journal.made(made("r1"))
        journal.asked("r2")
    whole = path.read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    path.write_bytes(whole[: -len(last)] + last[:torn_at])
    with AccountsJournal(path) as journal:
        assert journal.left == (made("r1"),)
        journal.asked("r3")
    with AccountsJournal(path) as journal:
        assert [one.reference for one in journal.left] == ["r1", "r3"]


@pytest.mark.parametrize("line", [b"not json\n", b"{}\n", b"[1]\n", b'{"event": "made", "nonsense": 1}\n'])
def test_a_line_that_gatefall_did_not_write_is_told_and_left_alone(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "journal"
    path.write_bytes(line + b'{"event":"asked","reference":"r1"}\n')
    with pytest.raises(DamagedJournal, match=r"journal:1: is no line that gatefall wrote"):
        AccountsJournal(path).__enter__()
    assert path.read_bytes().startswith(line)
