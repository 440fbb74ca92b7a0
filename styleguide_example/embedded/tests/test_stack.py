import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from styleguide_example.common.tests.processes import wait_until
from styleguide_example.embedded.environment import PROJECT_DIR
from styleguide_example.embedded.stack import Ended, StackError, product_commands, release_command
from styleguide_example.embedded.tests.stacks import (
    FAILING,
    PARENT,
    SLEEPER,
    STUBBORN,
    Lines,
    group_of,
    leader_of,
    stack_of,
)

pytestmark = pytest.mark.processes


@pytest.fixture
def lines() -> Lines:
    return Lines()


class TestStack:
    @pytest.mark.parametrize("command", [SLEEPER, PARENT, STUBBORN])
    def test_leaves_no_process_behind(self, lines: Lines, command: str) -> None:
        with stack_of({"one": command}, lines=lines, patience=0.3) as stack:
            stack.start("one")
            leader = leader_of(lines, "one")
            assert group_of(leader)

        wait_until(lambda: not group_of(leader))

    def test_leaves_no_process_behind_when_it_is_interrupted(self, lines: Lines) -> None:
        stack = stack_of({"one": PARENT}, lines=lines)
        stack.start("one")
        leader = leader_of(lines, "one")

        with pytest.raises(KeyboardInterrupt), stack:
            raise KeyboardInterrupt

        wait_until(lambda: not group_of(leader))

    def test_stops_first_what_was_needed_last(self, lines: Lines, tmp_path: Path) -> None:
        def leaves_a_note(name: str) -> str:
            note = f"date +%s%N > {tmp_path}/{name}"
            return f"""sh -c 'trap "{note}; exit" TERM; echo up $$; while :; do sleep 0.02; done'"""

        with stack_of({"broker": leaves_a_note("broker")}, {"worker": leaves_a_note("worker")}, lines=lines) as stack:
            stack.start("broker", "worker")
            leader_of(lines, "broker")
            leader_of(lines, "worker")

        assert int((tmp_path / "worker").read_text()) < int((tmp_path / "broker").read_text())

    def test_names_a_process_that_ended_and_its_last_words(self, lines: Lines) -> None:
        with (
            stack_of({"one": FAILING}, lines=lines) as stack,
            pytest.raises(StackError, match=r"one ended with exit code 3 after \d+ s") as raised,
        ):
            stack.finish("one")

        assert raised.value.name == "one"
        lines.wait_for("one", "no such luck")
        assert lines.of("one") == ["no such luck"]

    def test_tells_how_long_a_process_ran(self, lines: Lines) -> None:
        found: list[Ended] = []

        def has_ended() -> bool:
            found.extend(stack.ended())
            return bool(found)

        with stack_of({"one": FAILING}, lines=lines) as stack:
            began = time.monotonic()
            stack.start("one")
            wait_until(has_ended)

        assert 0 < found[0].seconds < time.monotonic() - began

    def test_kills_the_children_of_a_process_that_ended(self, lines: Lines) -> None:
        with stack_of({"one": PARENT}, lines=lines) as stack:
            stack.start("one")
            leader = leader_of(lines, "one")
            os.kill(leader, signal.SIGKILL)
            wait_until(lambda: bool([end for end in stack.ended() if "SIGKILL" in str(end)]))

            wait_until(lambda: not group_of(leader))

    def test_does_not_wait_for_what_cannot_come_any_more(self, lines: Lines) -> None:
        with stack_of({"one": FAILING}, lines=lines) as stack:
            stack.start("one")
            with pytest.raises(StackError, match="one ended"):
                stack.wait_until(lambda: False, what="an answer", name="one")

    def test_does_not_wait_for_ever(self, lines: Lines) -> None:
        with stack_of({"one": SLEEPER}, lines=lines) as stack:
            stack.start("one")
            with pytest.raises(StackError, match="Waited 0 s in vain for an answer"):
                stack.wait_until(lambda: False, what="an answer", name="one", seconds=0.1)

    def test_gives_every_process_the_python_that_runs_it(self, lines: Lines) -> None:
        with stack_of({"one": "python -c 'import sys; print(sys.prefix)'"}, lines=lines) as stack:
            stack.finish("one")

        lines.wait_for("one", sys.prefix)
        assert lines.of("one") == [sys.prefix]


class TestEnded:
    @pytest.mark.parametrize(
        ("ended", "words"),
        [
            (Ended("one", 3, 0.4), "one ended with exit code 3 after 0 s"),
            (Ended("one", -signal.SIGKILL, 12.6), "one was ended by SIGKILL after 13 s"),
        ],
    )
    def test_tells_who_and_how_and_when(self, ended: Ended, words: str) -> None:
        assert str(ended) == words


RUNNER = """
import os, time
from styleguide_example.embedded.stack import Stack
stack = Stack([{"one": os.environ["COMMAND"]}], env=os.environ, write=lambda name, line: print(line, flush=True))
stack.start("one")
time.sleep(300)
"""


class TestLifeline:
    def test_ends_what_a_killed_runner_left(self) -> None:
        with subprocess.Popen(  # noqa: S603  the test's own
            [sys.executable, "-c", RUNNER],
            cwd=PROJECT_DIR,
            env={**os.environ, "COMMAND": PARENT},
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as runner:
            assert runner.stdout
            leader = int(runner.stdout.readline().split()[1])
            began = time.monotonic()
            runner.kill()

        wait_until(lambda: not group_of(leader))
        assert time.monotonic() - began < 5


class TestProductCommands:
    def test_are_the_lines_of_the_procfile(self) -> None:
        commands = product_commands()

        assert list(commands) == ["web", "worker", "beat"]
        assert commands["web"].startswith("gunicorn config.wsgi --bind ${BIND:-0.0.0.0}:${PORT:-8000}")

    def test_come_after_the_release(self) -> None:
        assert "manage.py migrate" in release_command()
        assert "manage.py setup_periodic_tasks" in release_command()
