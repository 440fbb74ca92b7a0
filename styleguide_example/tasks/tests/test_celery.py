"""What the Celery app really is, after all that reads the settings."""

import pickle
from datetime import timedelta
from typing import Any

import pytest
from celery import signals
from celery.fixups.django import DjangoWorkerFixup  # type: ignore[attr-defined]  # not in the stub
from django.conf import settings as django_settings
from django.db import connection, transaction
from django.db.backends.signals import connection_created
from kombu import serialization
from kombu.exceptions import ContentDisallowed
from pytest_django import Settings

from styleguide_example.common.tests.brokers import app_for
from styleguide_example.common.wakeups import WakeUpTask
from styleguide_example.emails.tasks import email_cleanup
from styleguide_example.tasks.celery import (
    app,
    broker_patience,
    connections_check,
    idle_transaction_limit,
    memory_bound,
)

# Sorted, because Celery keeps them in an order of chance, and each process of the suite must list the same tests.
OURS = [app.tasks[name] for name in sorted(app.tasks) if name.startswith("styleguide_example.")]


class TestMessages:
    def test_are_json_and_nothing_else(self) -> None:
        assert app.conf.task_serializer == "json"
        assert app.conf.result_serializer == "json"
        assert app.conf.accept_content == ["json"]

    def test_in_pickle_are_refused(self) -> None:
        """A pickle runs code while it is read."""
        accepted = serialization.prepare_accept_content(app.conf.accept_content)
        message = pickle.dumps("x")
        with pytest.raises(ContentDisallowed):
            serialization.loads(message, "application/x-python-serialize", "binary", accept=accepted)


class TestWorker:
    def test_takes_one_message_for_each_process(self) -> None:
        assert app.conf.worker_prefetch_multiplier == 1

    def test_acknowledges_before_the_work_and_never_puts_back(self) -> None:
        """The row, its lease and the sweep bring back what was left; what kills its worker must not come again."""
        assert not app.conf.task_acks_late
        assert not app.conf.task_reject_on_worker_lost
        assert not any(task.acks_late or task.reject_on_worker_lost for task in OURS)

    @pytest.mark.parametrize("begun", [signals.worker_process_init, signals.worker_ready, signals.beat_init])
    def test_freezes_what_its_start_made(self, begun: Any) -> None:
        assert memory_bound in begun._live_receivers(None)

    def test_keeps_no_results(self) -> None:
        assert app.conf.task_ignore_result
        assert not app.conf.result_backend
        assert all(task.ignore_result for task in OURS)

    def test_keeps_its_database_connection_over_tasks(self) -> None:
        assert DjangoWorkerFixup(app).db_reuse_max == django_settings.CELERY_DB_REUSE_MAX == 1000

    def test_limits_every_task_in_time(self) -> None:
        for task in OURS:
            soft = task.soft_time_limit or app.conf.task_soft_time_limit
            hard = task.time_limit or app.conf.task_time_limit
            assert 0 < soft < hard

    def test_waits_for_a_broker_that_is_not_there_yet(self) -> None:
        assert app.conf.broker_connection_retry_on_startup
        assert app.conf.broker_connection_max_retries is None

    def test_waits_longer_for_redis_and_never_reads_again_by_itself(self) -> None:
        with app_for("redis://localhost:1/0") as other:
            broker_patience(other.conf)
            options = other.conf.broker_transport_options
        assert (options["socket_timeout"], options["socket_connect_timeout"]) == (10, 10)
        assert options["visibility_timeout"] == 300
        assert options["retry_on_timeout"] is False

    def test_waits_longer_for_rabbitmq(self) -> None:
        with app_for("amqp://localhost:1//") as other:
            broker_patience(other.conf)
            options = other.conf.broker_transport_options
        assert {seconds for name, seconds in options.items() if name.endswith("_timeout")} == {10}

    @pytest.mark.parametrize("task", OURS, ids=lambda task: task.name)
    def test_knows_no_task_that_speaks_of_priorities_in_another_way(self, task: Any) -> None:
        assert isinstance(task, WakeUpTask)
        assert task.default_priority in range(10)

    def test_has_a_time_of_its_own_for_what_takes_long(self) -> None:
        assert email_cleanup.time_limit == timedelta(hours=1).total_seconds()


class TestBrokers:
    @pytest.mark.parametrize("url", ["redis://host/0", "rediss://host/0", "redis+socket:///var/broker.sock"])
    def test_of_redis_give_lost_messages_back_soon_and_know_ten_priorities(self, url: str) -> None:
        with app_for(url) as redis:
            options = redis.conf.broker_transport_options
            assert options["priority_steps"] == list(range(10))
            assert options["visibility_timeout"] > redis.conf.task_time_limit
            assert options["socket_timeout"] <= 0.5
            assert options["unacked_restore_interval"] * options["unacked_restore_throttle"] <= 20
            assert redis.conf.task_queue_max_priority is None

    @pytest.mark.parametrize("url", ["amqp://host//", "amqps://host//", "pyamqp://host//"])
    def test_of_rabbitmq_confirm_what_they_keep_and_know_ten_priorities(self, url: str) -> None:
        with app_for(url) as rabbitmq:
            assert rabbitmq.conf.broker_transport_options["confirm_publish"]
            assert rabbitmq.conf.task_queue_max_priority == 9


@pytest.mark.django_db(transaction=True)
class TestConnectionsCheck:
    def test_drops_a_connection_that_grew_too_old(self, settings: Settings) -> None:
        connection.ensure_connection()
        connection.close_at = 0.0
        before = connection.connection
        email_cleanup.push_request(is_eager=False)
        try:
            connections_check(task=email_cleanup)
        finally:
            email_cleanup.pop_request()
        connection.ensure_connection()
        assert connection.connection is not before

    def test_leaves_the_connection_of_somebody_who_calls_in_place(self) -> None:
        with transaction.atomic():
            connection.close_at = 0.0
            before = connection.connection
            email_cleanup.apply()
            assert connection.connection is before


class TestBeat:
    def test_bounds_its_transactions_from_its_start(self) -> None:
        signals.beat_init.send(sender=None)
        assert connection_created.disconnect(idle_transaction_limit)
