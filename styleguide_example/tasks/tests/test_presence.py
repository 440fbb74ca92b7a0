"""A worker says that it lives."""

import os
import signal
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from celery.worker import state
from django.utils import timezone
from structlog.testing import capture_logs

from styleguide_example.common.tests.processes import Worker as Workers
from styleguide_example.common.tests.processes import wait_until
from styleguide_example.tasks import presence
from styleguide_example.tasks.models import Worker
from styleguide_example.tasks.presence import ACTIVE_MAX, Presence, presence_begin, presence_end, tasks_active
from styleguide_example.tasks.selectors import workers_seen

NAME = "celery@host-1"


@dataclass(frozen=True)
class Asked:
    """What of a request is read."""

    name: str
    id: str


@dataclass(frozen=True)
class Pool:
    num_processes: int = 3


@dataclass(frozen=True)
class Consumer:
    """What sends ``worker_ready``."""

    hostname: str = NAME
    pool: Pool = Pool()


@pytest.fixture
def request_active() -> Iterator[Asked]:
    """A task that this process does, as Celery notes it."""
    asked = Asked("jobs.tasks.export", str(uuid.uuid4()))
    state.active_requests.add(asked)
    yield asked
    state.active_requests.discard(asked)


def _seen(ago: timedelta, **columns: object) -> Worker:
    moment = timezone.now() - ago
    return Worker.objects.create(**{"name": NAME, "started_at": moment, "seen_at": moment, "processes": 1, **columns})


def _is_there() -> bool:
    return Worker.objects.filter(name=NAME, processes=3).exists()


def _is_gone() -> bool:
    return not Worker.objects.filter(name=NAME).exists()


@pytest.mark.django_db(transaction=True)
class TestPresence:
    @pytest.fixture(autouse=True)
    def patience(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """On a busy machine what is waited for may take longer than a worker waits."""
        monkeypatch.setattr(presence, "FAREWELL_SECONDS", 30)
        monkeypatch.setattr(presence, "FORK_SECONDS", 30)

    def test_is_a_row_from_the_start_of_a_worker_to_its_end(self, request_active: Asked) -> None:
        presence_begin(Consumer())
        wait_until(_is_there)
        (seen,) = workers_seen()
        assert seen.active == [{"task": request_active.name, "id": request_active.id}]
        assert not seen.is_silent
        presence_end()
        assert _is_gone()

    def test_takes_the_place_of_one_that_was_killed_and_forgets_those_of_yesterday(self) -> None:
        _seen(timedelta(hours=1))
        _seen(timedelta(hours=25), name="celery@gone")
        presence_begin(Consumer())
        wait_until(_is_there)
        assert [worker.name for worker in workers_seen()] == [NAME]
        presence_end()

    @pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
    def test_lets_no_process_be_forked_while_its_connection_is_open(self) -> None:
        begun, go, ended = threading.Event(), threading.Event(), threading.Event()

        def write() -> None:
            begun.set()
            go.wait()
            ended.set()

        writing = threading.Thread(target=presence._guarded, args=(write,))
        writing.start()
        begun.wait()
        threading.Timer(0.1, go.set).start()
        child = os.fork()
        if child == 0:
            os._exit(0 if ended.is_set() else 1)
        assert os.waitpid(child, 0)[1] == 0
        writing.join()

    def test_is_written_again_every_few_seconds(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(presence, "EVERY_SECONDS", 0.01)
        present = Presence(name=NAME, processes=3)
        present.start()
        wait_until(_is_there)
        first = Worker.objects.get().seen_at
        wait_until(lambda: Worker.objects.get().seen_at > first)
        Worker.objects.all().delete()  # by hand: it comes again
        wait_until(_is_there)
        present.stop()

    def test_is_not_ended_by_a_database_that_refuses(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(presence, "EVERY_SECONDS", 0.01)
        present = Presence(name=NAME, processes=-1)  # which a constraint refuses
        with capture_logs() as lines:
            present.start()
            wait_until(lambda: any(line["event"] == "worker_presence_not_written" for line in lines))
        present._processes = 3
        wait_until(_is_there)
        present.stop()


class TestTasksActive:
    def test_names_the_first_few(self) -> None:
        asked = [Asked("emails.tasks.email_send", str(number)) for number in range(ACTIVE_MAX + 1)]
        for one in asked:
            state.active_requests.add(one)
        assert len(tasks_active()) == ACTIVE_MAX
        for one in asked:
            state.active_requests.discard(one)
        assert tasks_active() == []


@pytest.mark.django_db
class TestWorkersSeen:
    def test_says_who_fell_silent(self) -> None:
        _seen(timedelta(seconds=30))
        _seen(timedelta(seconds=60), name="celery@host-2")
        assert [worker.is_silent for worker in workers_seen()] == [False, True]

    def test_forgets_after_a_day_though_no_other_worker_starts(self) -> None:
        _seen(timedelta(hours=25))
        _seen(timedelta(hours=23), name="celery@host-2")
        assert [worker.name for worker in workers_seen()] == ["celery@host-2"]


@pytest.mark.processes
@pytest.mark.no_services
class TestWorkerProcess:
    def test_is_seen_while_it_lives_and_stays_as_silent_only_when_it_was_killed(self, worker: Workers) -> None:
        ending, killed = worker.start(concurrency=2), worker.start()
        wait_until(lambda: sorted(seen.processes for seen in workers_seen()) == [1, 2])
        killed.kill_group()
        os.kill(ending.pid, signal.SIGTERM)
        wait_until(lambda: ending.has_ended)
        assert [seen.processes for seen in workers_seen()] == [1]
