from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from celery import Celery
from celery.exceptions import Ignore, Retry
from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from kombu.exceptions import EncodeError
from kombu.transport.memory import Transport as MemoryTransport

from styleguide_example.common.tests.brokers import app_for, message_priority, messages_take, task_of
from styleguide_example.common.tests.processes import Queue
from styleguide_example.common.wakeups import CLOCK_TOLERANCE, ETA_MAX_SECONDS, WakeUpTask
from styleguide_example.core.enums import Priority
from styleguide_example.core.exceptions import TransientError
from styleguide_example.emails.exceptions import EmailAttemptFailedError
from styleguide_example.emails.tasks import email_send as email_send_task
from styleguide_example.emails.tasks import email_sweep as email_sweep_task
from styleguide_example.tasks.celery import app as celery_app


@pytest.fixture(params=["redis", "amqp"])
def app(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Celery]:
    """An app that thinks that it speaks to this kind of broker, and is given one that lives in memory."""
    monkeypatch.setattr("kombu.transport._transport_cache", {request.param: MemoryTransport})
    with app_for(f"{request.param}://localhost//") as app:
        yield app
        messages_take(app)


def _number(app: Celery, priority: int) -> int:
    """What ``priority`` is for the app's broker, said a second time and in other words."""
    return 9 - priority if app.conf.broker_url.startswith("amqp") else priority


def _received(task: WakeUpTask, *, number: int) -> WakeUpTask:
    """The task as a worker calls it for a message that came with ``number``."""
    task.push_request(
        id="the-id",
        args=(),
        kwargs={},
        delivery_info={"priority": number},
        called_directly=False,
    )
    return task


class TestApplyAsync:
    @pytest.mark.parametrize("priority", Priority)
    def test_sends_the_brokers_own_number(self, app: Celery, priority: Priority) -> None:
        task_of(app, default_priority=Priority.RESERVED).apply_async(priority=priority)

        (message,) = messages_take(app)
        assert message_priority(message) == _number(app, priority)

    def test_uses_the_tasks_own_priority_unless_told(self, app: Celery) -> None:
        task = task_of(app, default_priority=Priority.LOW)
        task.apply_async()
        task.apply_async(priority=Priority.HIGHEST)

        numbers = sorted(message_priority(message) for message in messages_take(app))
        assert numbers == sorted([_number(app, Priority.LOW), _number(app, Priority.HIGHEST)])

    def test_keeps_the_reserved_priority_for_the_engine_room(self, app: Celery) -> None:
        with pytest.raises(ValueError, match="reserved for the engine room"):
            task_of(app).apply_async(priority=Priority.RESERVED)
        assert messages_take(app) == []

    def test_sends_json_with_the_arguments_under_their_names(self, app: Celery) -> None:
        task_of(app).apply_async(kwargs={"email_id": 7})

        (message,) = messages_take(app)
        assert message.content_type == "application/json"
        args, kwargs, _ = message.decode()
        assert (args, kwargs) == ([], {"email_id": 7})


class TestRetry:
    def test_keeps_the_priority_of_the_first_message(self, app: Celery) -> None:
        number = _number(app, Priority.HIGH)
        task = _received(task_of(app), number=number)

        with pytest.raises(Retry):
            task.retry(exc=EmailAttemptFailedError("451", retry_at=timezone.now()))

        (message,) = messages_take(app)
        assert message_priority(message) == number

    def test_comes_back_when_the_row_says_so_and_a_little_later(self, app: Celery) -> None:
        task = _received(task_of(app), number=_number(app, Priority.NORMAL))
        retry_at = timezone.now() + timedelta(seconds=ETA_MAX_SECONDS - 5)

        with pytest.raises(Retry):
            task.retry(exc=EmailAttemptFailedError("451", retry_at=retry_at), countdown=1)

        (message,) = messages_take(app)
        headers: Any = message.headers
        assert headers["retries"] == 1
        assert parse_datetime(headers["eta"]) == retry_at + CLOCK_TOLERANCE

    def test_leaves_what_is_far_away_to_the_sweep(self, app: Celery) -> None:
        task = _received(task_of(app), number=_number(app, Priority.NORMAL))

        with pytest.raises(Ignore, match="the sweep wakes it"):
            task.retry(
                exc=EmailAttemptFailedError("451", retry_at=timezone.now() + timedelta(seconds=ETA_MAX_SECONDS + 5))
            )

        assert messages_take(app) == []

    def test_follows_the_tasks_policy_for_an_error_that_no_row_knows_of(self, app: Celery) -> None:
        task = _received(task_of(app), number=_number(app, Priority.NORMAL))

        with pytest.raises(Retry):
            task.retry(exc=TransientError("The database was away."), countdown=30)

        (message,) = messages_take(app)
        assert message_priority(message) == _number(app, Priority.NORMAL)

    def test_gives_the_error_to_somebody_who_called_the_task_as_a_function(self, app: Celery) -> None:
        error = EmailAttemptFailedError("451", retry_at=timezone.now())

        with pytest.raises(EmailAttemptFailedError):
            task_of(app).retry(exc=error)

        assert messages_take(app) == []


class TestWake:
    def test_says_that_the_broker_took_it(self, queue: Queue) -> None:
        assert email_send_task.wake(kwargs={"email_id": 7})
        assert len(queue) == 1

    def test_is_served_in_the_order_of_ten_priorities_by_a_real_broker(self, queue: Queue) -> None:
        for priority in reversed(range(1, 10)):
            assert email_send_task.wake(kwargs={"email_id": priority}, priority=priority)
        assert email_sweep_task.wake()

        first, *messages = messages_take(celery_app)
        assert message_priority(first) == _number(celery_app, Priority.RESERVED)
        assert [message.decode()[1]["email_id"] for message in messages] == list(range(1, 10))
        assert [message_priority(message) for message in messages] == [_number(celery_app, n) for n in range(1, 10)]

    def test_does_not_hide_a_mistake_of_ours(self, queue: Queue) -> None:
        with pytest.raises(TypeError):
            email_send_task.wake(kwargs={"email_number": 7})
        with pytest.raises(EncodeError):
            email_send_task.wake(kwargs={"email_id": object()})


class TestMessagesWaiting:
    def test_counts_those_of_every_task_and_priority(self, queue: Queue) -> None:
        assert email_send_task.messages_waiting() == 0
        email_send_task.wake(kwargs={"email_id": 7}, priority=Priority.HIGH)
        email_send_task.wake(kwargs={"email_id": 8}, priority=Priority.LOWEST)
        email_sweep_task.wake()
        assert email_send_task.messages_waiting() == 3


@pytest.mark.django_db(transaction=True)
class TestOnCommit:
    def test_sends_after_the_commit_and_not_before(self, queue: Queue) -> None:
        with transaction.atomic():
            email_send_task.delay_on_commit(email_id=7)
            email_send_task.apply_async_on_commit(kwargs={"email_id": 8}, priority=Priority.LOW)
            assert len(queue) == 0
        assert [message.decode()[1] for message in messages_take(celery_app)] == [{"email_id": 7}, {"email_id": 8}]

    def test_sends_nothing_after_a_rollback(self, queue: Queue) -> None:
        with transaction.atomic():
            email_send_task.delay_on_commit(email_id=7)
            email_send_task.apply_async_on_commit(kwargs={"email_id": 8})
            transaction.set_rollback(True)
        assert len(queue) == 0
