from __future__ import annotations

from conformance.batch import TOGETHER, Batch
from conformance.circumstances import Circumstances
from conformance.history import History

CIRCUMSTANCES = Circumstances(phase=2, regime="continuation", front_end="old", pm_gate=False)


def histories(count: int) -> list[History]:
    return [History(number, f"acct{number}", (), CIRCUMSTANCES) for number in range(count)]


def test_every_sink_sees_every_history_once_in_order() -> None:
    first: list[int] = []
    second: list[int] = []
    batch = Batch(lambda one: first.append(one.customer), lambda one: second.append(one.customer))
    for history in histories(2 * TOGETHER + 3):
        batch.add(history)
    assert len(first) == 2 * TOGETHER
    batch.flush()
    assert first == second == list(range(2 * TOGETHER + 3))


def test_nothing_is_handed_on_twice() -> None:
    seen: list[int] = []
    batch = Batch(lambda one: seen.append(one.customer))
    batch.add(histories(1)[0])
    batch.flush()
    batch.flush()
    assert seen == [0]
