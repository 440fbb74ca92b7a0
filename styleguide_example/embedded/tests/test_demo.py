import json
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from styleguide_example.common.tests.processes import Process, wait_until
from styleguide_example.embedded.demo import EMAILS_PER_PERSON, PEOPLE, demo_environment
from styleguide_example.embedded.environment import HOST, without_project_variables
from styleguide_example.tasks.timetable import TIMETABLE

COMMAND = [sys.executable, "-m", "styleguide_example.embedded.demo"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A machine whose environment would lead astray, with a place of its own for temporary files."""
    return {
        **without_project_variables(os.environ),
        "TMPDIR": str(tmp_path),
        "DATABASE_URL": "postgres://nobody@192.0.2.1/nothing",
        "CELERY_BROKER_URL": "amqp://nobody@192.0.2.1//",
        "EMAIL_URL": "smtp://192.0.2.1:25",
        "DJANGO_SETTINGS_MODULE": "config.django.production",
    }


@pytest.fixture
def demo(environment: dict[str, str]) -> Iterator[Process]:
    process = Process(COMMAND, environment)
    yield process
    process.kill_group()


@pytest.mark.long
@pytest.mark.processes
class TestDemo:
    def test_accounts_for_every_email_and_every_schedule(self, demo: Process, tmp_path: Path) -> None:
        wait_until(lambda: "}" in demo.output, timeout=300)

        assert json.loads(demo.lines[-1]) == {
            "emails_sent": EMAILS_PER_PERSON * len(PEOPLE),
            "lost": 0,
            "duplicates": 0,
            "jobs_succeeded": 1,
            "schedules": len(TIMETABLE),
            "schedule_edits_kept": 1,
        }
        assert "deploy: Schedules:" in demo.output
        assert "At 04:45" in demo.output
        assert all(entry.name in demo.output for entry in TIMETABLE)
        wait_until(lambda: list(tmp_path.iterdir()) == [])

    def test_stops_and_removes_everything_when_it_is_interrupted(self, demo: Process, tmp_path: Path) -> None:
        demo.wait_for_line("Started broker, mail, web, worker, beat", timeout=180)

        os.kill(demo.pid, signal.SIGTERM)

        # Not `wait_for_line`: it takes the end of the process for the end of its output.
        wait_until(lambda: "Interrupted. Everything was stopped and removed." in demo.output, timeout=90)
        wait_until(lambda: list(tmp_path.iterdir()) == [])


class TestDemoEnvironment:
    def test_takes_nothing_of_the_project_from_its_surroundings(self, environment: dict[str, str]) -> None:
        made = demo_environment(Path("/tmp/demo"), environment)  # noqa: S108  not opened

        assert made["DATABASE_URL"] == "sqlite:////tmp/demo/db.sqlite3"
        assert made["CELERY_BROKER_URL"] == "redis+socket:///tmp/demo/broker.sock"
        assert made["EMAIL_URL"].startswith("smtp://127.0.0.1:")
        assert made["DJANGO_SETTINGS_MODULE"] == "config.django.base"

    def test_collides_with_no_other(self) -> None:
        one = demo_environment(Path("/tmp/one"), {})  # noqa: S108
        with ExitStack() as running:  # else nobody has its ports, and the other may get them by chance
            for port in _ports(one):
                running.enter_context(socket.create_server((HOST, port)))
            other = demo_environment(Path("/tmp/other"), {})  # noqa: S108

        assert len({*_ports(one), *_ports(other)}) == 4


def _ports(environment: dict[str, str]) -> list[int]:
    return [int(environment["PORT"]), int(environment["EMAIL_URL"].rpartition(":")[2])]
