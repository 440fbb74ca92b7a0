"""The base class of every task: its message is a wake-up call for a committed row, and may get lost.

So a broker that is down must neither fail nor delay the person who committed the row: the sweep finds the row.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from celery.canvas import Signature
from celery.contrib.django.task import DjangoTask
from celery.exceptions import Ignore, Reject
from celery.result import AsyncResult
from django.db import transaction
from django.dispatch import Signal
from django.utils import timezone
from kombu.exceptions import OperationalError

from styleguide_example.common.arguments import arguments_check
from styleguide_example.core.enums import Priority, broker_priority

logger = structlog.get_logger(__name__)

#: After a publish failed, this process does not try again for so long: the second e-mail of a request, and the next
#: request, do not wait for the same broker.
BROKER_PAUSE_SECONDS = 5
#: A retry further away than this stays in the database, and the sweep wakes it. Redis delivers a message again when its
#: ETA is beyond the visibility time-out:
#: https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/redis.html
ETA_MAX_SECONDS = 60
#: The due time is compared with the database's clock, the ETA with the worker's.
CLOCK_TOLERANCE = timedelta(milliseconds=200)

#: A wrong password, in AMQP: https://www.rabbitmq.com/amqp-0-9-1-reference#constants
ACCESS_REFUSED = 403

#: Sent in the worker before a task's body, with the task as sender. A receiver that raises ``celery.exceptions.Ignore``
#: keeps the body from running: its row says that there is nothing to do. (Celery's own ``task_prerun`` cannot veto.)
task_starting = Signal()


class _Pause:
    """Until when this process leaves the broker alone, on the monotonic clock."""

    until = 0.0


def broker_pause_is_on() -> bool:
    """Return whether this process leaves the broker alone, because it did not answer a moment ago."""
    return time.monotonic() < _Pause.until


def broker_pause_end() -> None:
    """Try the broker again at the next wake-up, however short ago it failed."""
    _Pause.until = 0.0


class RetryLater(Ignore):
    """No message asks for the next attempt: it is far away, or the broker is. The row holds the time for its sweep."""

    def __init__(self, *, retry_at: datetime) -> None:
        super().__init__(f"The next attempt is due at {retry_at:%Y-%m-%d %H:%M:%S}; the sweep wakes it.")
        self.retry_at = retry_at


def _is_far(moment: datetime) -> bool:
    return (moment - timezone.now()).total_seconds() > ETA_MAX_SECONDS


class WakeUpTask(DjangoTask):  # type: ignore[type-arg]  # generic in the stub only
    """A Celery task in the words of this project.

    Priorities are :class:`~styleguide_example.core.enums.Priority` everywhere, and become the broker's number here. A
    task names its own in the decorator: ``default_priority=`` (Celery's ``priority`` attribute ends with Celery 6).
    """

    abstract = True
    Request = "styleguide_example.common.task_requests:Request"
    default_priority = Priority.NORMAL
    #: Whether a schedule may name it: ``schedulable=True`` in the decorator. An admin must not be able to run any code
    #: that has a name.
    schedulable = False
    #: Whether it is begun again when it was dispatched as a job and its worker was killed: ``may_resume=True`` in the
    #: decorator of a task that may safely run twice.
    may_resume = False

    def before_start(self, task_id: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Let upper floors veto the run (:data:`task_starting`), and refuse arguments that are of another kind.

        In this order, so that a run that has a row fails there, too.
        """
        task_starting.send(sender=self)
        arguments_check(self.run, kwargs)

    def apply_async(  # type: ignore[override]  # the stub lists thirty keywords that only pass through
        self,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        *,
        priority: int | None = None,
        **options: Any,
    ) -> AsyncResult[Any]:
        """Publish now.

        Raises:
            kombu.exceptions.OperationalError: when the broker does not take it within half a second.
            ValueError: for a priority that this task must not have.
        """
        named = self.default_priority if priority is None else priority
        self.priority_check(named)
        number = broker_priority(named, broker_url=self.app.conf.broker_url)
        return super().apply_async(tuple(args or ()), dict(kwargs or {}), priority=number, **options)

    @classmethod
    def priority_check(cls, number: int) -> None:
        """Check that a message of this task may have this priority.

        Raises:
            ValueError: when it is not one of the ten, or the reserved one and the task not of the engine room.
        """
        Priority.check(number)
        if number == Priority.RESERVED and cls.default_priority != Priority.RESERVED:
            raise ValueError("Priority 0 is reserved for the engine room: 1 is the first that others may ask for.")

    def apply_async_on_commit(  # type: ignore[override]
        self, args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> None:
        """Wake a worker once the transaction is committed; nothing happens when it is rolled back."""
        transaction.on_commit(partial(self.wake, args, kwargs, **options))

    def delay_on_commit(self, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]  # there is no result yet
        """:meth:`apply_async_on_commit` in the short form."""
        self.apply_async_on_commit(args, kwargs)

    def wake(self, args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **options: Any) -> bool:
        """Publish, and return whether the broker took it. Never raises for a broker that is away, and never waits long.

        Only for a message that repeats what a committed row already says.
        """
        if broker_pause_is_on():
            return False
        try:
            self.apply_async(args, kwargs, **options)
        except Exception as error:
            if not self._is_the_brokers(error):
                raise
            return False
        return True

    def _is_the_brokers(self, error: Exception) -> bool:
        """Whether it is the broker that is away or refuses; then this process leaves it alone for a moment."""
        away, refusing = self._broker_errors()
        is_away = isinstance(error, away)
        if not is_away and not isinstance(error, refusing):
            return False
        if is_away or getattr(error, "code", None) == ACCESS_REFUSED:  # which refuses whatever we ask
            _Pause.until = time.monotonic() + BROKER_PAUSE_SECONDS
        if is_away:
            logger.warning("wake_up_not_sent", task=self.name, error=str(error), next="the sweep finds the row")
        else:  # it is this message, or its queue: another one may well be taken
            logger.error("wake_up_refused", task=self.name, error=str(error), next="look at its queue in the broker")
        return True

    def messages_waiting(self, *, queue: str | None = None) -> int | None:
        """Return how many messages, of any task, wait in the queue; None when the broker is away.

        Without a name it is the default queue. Of one that the broker refuses to tell of, it is 0.
        """
        away, refusing = self._broker_errors()
        try:
            with self.app.connection_for_write() as connection:
                known = self.app.amqp.queues[queue or self.app.conf.task_default_queue]
                bound: Any = known(connection.default_channel)
                return int(bound.queue_declare().message_count)
        except away:
            return None
        except refusing as error:
            return None if getattr(error, "code", None) == ACCESS_REFUSED else 0

    def _broker_errors(self) -> tuple[tuple[type[BaseException], ...], tuple[type[BaseException], ...]]:
        """Return the errors of a broker that is away, and those of one that refuses what it is asked.

        Kombu translates those that a new connection can mend; a refused password or queue rises as it came. Some
        transports count an error to both: then it is away.
        """
        connection = self.app.connection_for_write()  # not opened: it only knows its transport
        return (OperationalError, *connection.connection_errors), tuple(connection.channel_errors)

    def retry(  # type: ignore[override]  # the stub's positional order; Celery itself calls it by name
        self, *, exc: Exception | None = None, eta: datetime | None = None, **options: Any
    ) -> Any:
        """Ask to be woken for the next attempt, at the time that the row already holds.

        An error that carries ``retry_at`` was recorded in the row. Any other (the database was away) is retried by the
        policy in the task's decorator.
        """
        retry_at: datetime | None = getattr(exc, "retry_at", None)
        if retry_at is None and getattr(self.request, "is_row_backed", False):
            return self._retry_by_row(exc=exc, eta=eta, **options)
        if retry_at is None or self.request.called_directly:
            return super().retry(exc=exc, eta=eta, **options)
        if _is_far(retry_at):
            raise RetryLater(retry_at=retry_at)
        options.pop("countdown", None)
        return super().retry(exc=exc, eta=retry_at + CLOCK_TOLERANCE, **options)

    def _retry_by_row(
        self, *, eta: datetime | None, countdown: float | None = None, max_retries: int | None = None, **options: Any
    ) -> Any:
        """Retry a run that has a row: a time that is far away, and one that the broker does not take, stays there."""
        seconds = self.default_retry_delay if countdown is None else countdown
        retry_at = eta or timezone.now() + timedelta(seconds=seconds)
        limit = self.max_retries if max_retries is None else max_retries
        if _is_far(retry_at) and (limit is None or self.request.retries < limit):
            raise RetryLater(retry_at=retry_at)
        try:
            return super().retry(eta=eta, countdown=countdown, max_retries=max_retries, **options)
        except Reject as error:  # what Celery makes of a broker that is away
            raise RetryLater(retry_at=retry_at) from error

    def signature_from_request(self, *args: Any, **options: Any) -> Signature[Any]:
        """Celery repeats the broker's number in a retry: turn it back into ours, so that it is not mapped twice."""
        signature = super().signature_from_request(*args, **options)
        number = signature.options.get("priority")
        if number is not None:
            signature.options["priority"] = broker_priority(number, broker_url=self.app.conf.broker_url)
        return signature
