"""A large start does not keep old garbage from being found."""

import gc
from collections import deque
from collections.abc import Iterator

import pytest

from styleguide_example.core.garbage import startup_objects_freeze

#: As a started Django has.
START = 150_000
#: So many are in use at once, like those of the requests under way: they outlive the young generations.
AT_ONCE = 1_000
OLDEST = 2


@pytest.fixture
def large_start() -> Iterator[list[list[object]]]:
    """Objects that live as long as the process."""
    objects: list[list[object]] = [[] for _ in range(START)]
    gc.collect()
    yield objects
    gc.unfreeze()
    gc.collect()


def _looks_for_old_garbage(cycles: int = 120_000) -> int:
    """How often CPython looks by itself while so many cycles are made and left behind."""
    before = _looks()
    in_use: deque[list[object]] = deque(maxlen=AT_ONCE)
    for _ in range(cycles):
        cycle: list[object] = []
        cycle.append(cycle)
        in_use.append(cycle)
    return _looks() - before


def _looks() -> int:
    return int(gc.get_stats()[OLDEST]["collections"])


@pytest.mark.usefixtures("large_start")
class TestStartupObjectsFreeze:
    def test_lets_old_garbage_be_found_soon(self) -> None:
        assert _looks_for_old_garbage() == 0
        startup_objects_freeze()
        assert _looks_for_old_garbage() >= 1

    def test_leaves_out_all_that_lives_now(self, large_start: list[list[object]]) -> None:
        startup_objects_freeze()
        assert gc.get_freeze_count() >= len(large_start)

    def test_keeps_no_garbage_for_ever(self) -> None:
        startup_objects_freeze()
        frozen = gc.get_freeze_count()
        gc.unfreeze()
        cycles: list[list[object]] = [[] for _ in range(1_000)]
        for cycle in cycles:
            cycle.append(cycle)
        del cycles, cycle
        startup_objects_freeze()
        assert gc.get_freeze_count() < frozen + 1_000
