import os
import threading
from collections.abc import Callable

import pytest

from styleguide_example.common.orphans import Owned


def _in_a_thread(*calls: Callable[[], None]) -> None:
    def run() -> None:
        for call in calls:
            call()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


@pytest.fixture
def owned() -> Owned[str]:
    return Owned()


class TestOwned:
    def test_is_nobody_elses_while_its_thread_lives(self, owned: Owned[str]) -> None:
        owned.own("mine")
        assert owned.orphans() == []

    def test_is_an_orphan_once_when_its_thread_has_ended(self, owned: Owned[str]) -> None:
        _in_a_thread(lambda: owned.own("left"))
        assert owned.orphans() == ["left"]
        assert owned.orphans() == []

    def test_is_the_latest_that_was_owned(self, owned: Owned[str]) -> None:
        _in_a_thread(lambda: owned.own("former"), lambda: owned.own("latest"))
        assert owned.orphans() == ["latest"]

    def test_is_no_orphan_when_it_was_disowned(self, owned: Owned[str]) -> None:
        _in_a_thread(lambda: owned.own("mine"), owned.disown, owned.disown)
        assert owned.orphans() == []

    def test_is_not_inherited_by_a_child_in_which_its_thread_does_not_run(self, owned: Owned[str]) -> None:
        is_owned, is_over = threading.Event(), threading.Event()

        def live() -> None:
            owned.own("the parent's")
            is_owned.set()
            is_over.wait(10)

        thread = threading.Thread(target=live)
        thread.start()
        assert is_owned.wait(10)
        child = os.fork()
        if not child:
            os._exit(len(owned.orphans()))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        is_over.set()
        thread.join()
