"""Real processes in the hands of a component: every way to die, and who starts them again."""

import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from faults.components import Component, Supervisor
from faults.errors import FaultsError
from faults.processes import Room, has_ended, wait_until

pytestmark = pytest.mark.once

Make = Callable[..., Component]
#: A parent that hears SIGTERM, with two children that do not.
FAMILY = """sh -c '
    trap "exit 0" TERM
    (trap "" TERM; while :; do sleep 60; done) & (trap "" TERM; while :; do sleep 60; done) &
    echo ready
    wait
'"""


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with closing(Room(tmp_path)) as room:
        yield room


@pytest.fixture
def make(room: Room) -> Iterator[Make]:
    """Makes components that are ready when they say so."""
    made: list[Component] = []

    def make(command: str, may_pause: Callable[[], bool] = lambda: True) -> Component:
        name = f"worker{len(made) + 1}"
        made.append(Component(name, command, room, lambda process: process.has_said("ready"), may_pause))
        return made[-1]

    yield make
    for component in made:
        component.orphans_end()
        if component.was_started():
            component.kill()


@pytest.fixture
def component(make: Make) -> Component:
    """A running one."""
    made = make(FAMILY)
    made.start()
    return made


def _subshells(component: Component) -> list[psutil.Process]:
    """The children that live on, without the sleeps of theirs."""
    return psutil.Process(component.pid).children()


class TestKill:
    def test_ends_all_of_it(self, component: Component) -> None:
        children = _subshells(component)
        component.kill()
        assert component.process.exit_code == -signal.SIGKILL
        wait_until(lambda: all(map(has_ended, children)), what="the end of the children")

    def test_leaves_orphans_when_it_was_the_main_process_alone(self, component: Component) -> None:
        children = _subshells(component)
        component.kill_main_only()
        assert not component.has_process()
        assert [child for child in children if has_ended(child)] == []
        component.orphans_end()
        wait_until(lambda: all(map(has_ended, children)), what="the end of the orphans")

    def test_leaves_the_others_when_it_was_one_child(self, component: Component) -> None:
        first, *_others = component.children()
        assert component.kill_child(0) == first.pid
        wait_until(lambda: has_ended(first), what="the end of the child")
        assert component.has_process()


class TestTerminate:
    def test_says_that_it_ended_in_time_and_leaves_no_child(self, component: Component) -> None:
        children = _subshells(component)
        assert component.terminate(grace=10)
        assert component.process.exit_code == 0
        wait_until(lambda: all(map(has_ended, children)), what="the end of the children")

    def test_kills_what_does_not_end(self, make: Make) -> None:
        deaf = make("sh -c 'trap \"\" TERM; echo ready; while :; do sleep 0.05; done'")
        deaf.start()
        assert not deaf.terminate(grace=0.2)
        assert deaf.process.exit_code == -signal.SIGKILL


class TestPause:
    def test_stops_all_of_it_until_it_is_resumed(self, component: Component) -> None:
        component.pause()
        family = [psutil.Process(component.pid), *_subshells(component)]
        wait_until(lambda: {each.status() for each in family} == {psutil.STATUS_STOPPED}, what="all to be stopped")
        component.resume()
        wait_until(lambda: psutil.STATUS_STOPPED not in {each.status() for each in family}, what="all to go on")

    def test_waits_for_a_moment_at_which_it_keeps_nobody_waiting(self, make: Make) -> None:
        moments = iter([False, False, True])
        component = make(FAMILY, lambda: next(moments))
        component.start()
        component.pause()
        assert list(moments) == []
        assert psutil.Process(component.pid).status() == psutil.STATUS_STOPPED


class TestSupervisor:
    @pytest.fixture(autouse=True)
    def _supervisor(self, component: Component) -> Iterator[None]:
        supervisor = Supervisor([component])
        supervisor.start()
        yield
        supervisor.close()

    def test_starts_again_what_was_killed(self, component: Component) -> None:
        former = component.pid
        component.kill()
        wait_until(lambda: component.is_ready() and component.pid != former, what="another process")
        assert component.restarts == 1

    def test_leaves_alone_what_a_scenario_keeps_down(self, component: Component, make: Make) -> None:
        other = make(FAMILY)
        beside = Supervisor([component, other])  # by the other one it is seen that it had looked
        with component.left_down():
            component.kill()
            beside.start()
            wait_until(other.is_ready, what="the other one")
            assert not component.has_process()
        wait_until(component.is_ready, what="it to be started again")
        beside.close()


def test_says_which_one_did_not_become_ready(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faults.components.READY_SECONDS", 0.2)
    with pytest.raises(FaultsError, match="in vain for worker1 to be ready"):
        make("sleep 60").start()


def test_writes_the_words_of_its_processes_to_a_file(component: Component, room: Room) -> None:
    component.restart()
    assert room.log("worker1").read_text() == "ready\nready\n"
