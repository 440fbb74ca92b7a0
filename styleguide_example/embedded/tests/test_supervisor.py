import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from watchfiles import Change

from styleguide_example.common.tests.processes import wait_until
from styleguide_example.embedded.stack import Stack, StackError
from styleguide_example.embedded.supervision import CodeFilter, CodeWatch, Supervisor
from styleguide_example.embedded.tests.stacks import FAILING, SLEEPER, Lines, leader_of, stack_of

pytestmark = pytest.mark.processes
AT_ONCE, NEVER = 0.0, 3600.0


@pytest.fixture
def lines() -> Lines:
    return Lines()


@pytest.fixture
def stack(lines: Lines) -> Iterator[Stack]:
    with stack_of({"broker": SLEEPER}, {"worker": SLEEPER, "broken": FAILING}, lines=lines) as running:
        yield running


def _supervisor(stack: Stack, lines: Lines, *, steady_seconds: float) -> Supervisor:
    return Supervisor(stack, reloaded=["worker", "broken"], write=lines, steady_seconds=steady_seconds)


def _look_until(supervisor: Supervisor, lines: Lines, pattern: str) -> None:
    def looked() -> bool:
        supervisor.look(code_changed=False)
        return any(re.search(pattern, line) for line in lines.of("stack"))

    wait_until(looked)


class TestSupervisor:
    @pytest.mark.parametrize("name", ["worker", "broker"])
    def test_starts_again_what_died_while_it_worked(self, stack: Stack, lines: Lines, name: str) -> None:
        supervisor = _supervisor(stack, lines, steady_seconds=AT_ONCE)
        stack.start(name)
        first = leader_of(lines, name)
        os.kill(first, signal.SIGKILL)

        _look_until(supervisor, lines, rf"{name} was ended by SIGKILL after \d+ s\. Starting it again\.")

        def is_another() -> bool:
            supervisor.look(code_changed=False)
            return leader_of(lines, name) != first

        wait_until(is_another)

    def test_waits_for_a_change_when_code_does_not_start(self, stack: Stack, lines: Lines) -> None:
        supervisor = _supervisor(stack, lines, steady_seconds=NEVER)
        stack.start("broken")
        _look_until(
            supervisor, lines, r"broken ended with exit code 3 after \d+ s\. It is started again when you save a file\."
        )

        supervisor.look(code_changed=True)

        lines.wait_for("broken", "no such luck", times=2)

    def test_loads_changed_code(self, stack: Stack, lines: Lines) -> None:
        supervisor = _supervisor(stack, lines, steady_seconds=NEVER)
        stack.start("worker", "broker")
        worker, broker = leader_of(lines, "worker"), leader_of(lines, "broker")

        supervisor.look(code_changed=True)

        lines.wait_for("worker", "up", times=2)
        assert leader_of(lines, "worker") != worker
        assert leader_of(lines, "broker") == broker

    def test_gives_up_when_no_change_of_code_could_help(self, stack: Stack, lines: Lines) -> None:
        supervisor = _supervisor(stack, lines, steady_seconds=NEVER)
        stack.start("broker")
        os.kill(leader_of(lines, "broker"), signal.SIGKILL)

        with pytest.raises(StackError, match=r"broker was ended by SIGKILL after \d+ s, so it is not started again"):
            _look_until(supervisor, lines, "never said")


class TestCodeWatch:
    @pytest.fixture
    def watch(self, tmp_path: Path) -> Iterator[CodeWatch]:
        watch = CodeWatch(tmp_path)
        watch.start()
        yield watch
        watch.close()
        watch.join(timeout=10)

    @pytest.mark.parametrize("name", ["services.py", "welcome.html", "welcome.subject.txt"])
    def test_notices_code_and_templates(self, watch: CodeWatch, tmp_path: Path, name: str) -> None:
        def noticed() -> bool:
            (tmp_path / name).touch()  # again and again, because the watch may not have begun
            return watch.has_changed()

        wait_until(noticed)


class TestCodeFilter:
    @pytest.mark.parametrize("path", ["app/services.py", "app/templates/welcome.html", "app/welcome.subject.txt"])
    def test_lets_pass_what_processes_have_loaded(self, path: str) -> None:
        assert CodeFilter()(Change.modified, path)

    @pytest.mark.parametrize("path", ["app/tests/test_services.py", "notes.md", "app/__pycache__/services.py"])
    def test_stops_what_they_have_not(self, path: str) -> None:
        assert not CodeFilter()(Change.modified, path)
