"""A body that could stop early is told that its worker has to end, in whichever process it runs."""

import multiprocessing
from collections.abc import Iterator

import pytest
from celery import signals

from styleguide_example.common.shutdown import is_shutting_down


@pytest.fixture(autouse=True)
def begun() -> Iterator[None]:
    """A worker that has begun, before and after."""
    signals.worker_init.send(sender=None)
    yield
    signals.worker_init.send(sender=None)


def _told() -> None:
    signals.worker_shutting_down.send(sender=None, sig="SIGTERM", how="Warm", exitcode=0)


class TestIsShuttingDown:
    def test_is_false_until_the_worker_is_told_to_end(self) -> None:
        assert not is_shutting_down()
        _told()
        assert is_shutting_down()

    def test_is_false_for_the_next_worker(self) -> None:
        _told()
        signals.worker_init.send(sender=None)
        assert not is_shutting_down()

    def test_is_known_in_a_process_of_the_pool_that_was_there_before(self) -> None:
        """Celery tells the main process alone."""
        fork = multiprocessing.get_context("fork")
        ready, told, answers = fork.Event(), fork.Event(), fork.SimpleQueue()

        def body() -> None:
            before = is_shutting_down()
            ready.set()
            told.wait(10)
            answers.put((before, is_shutting_down()))

        child = fork.Process(target=body)
        child.start()
        assert ready.wait(10)
        _told()
        told.set()
        child.join(10)
        assert answers.get() == (False, True)
