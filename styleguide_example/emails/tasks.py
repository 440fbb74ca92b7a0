"""Translates a broker message into one call. Imported by others with the ``_task`` suffix."""

from functools import partial
from typing import Any

import structlog
from celery import shared_task, signals
from celery.exceptions import TimeLimitExceeded
from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, close_old_connections

from styleguide_example.common.wakeups import ETA_MAX_SECONDS, WakeUpTask
from styleguide_example.core.enums import Priority
from styleguide_example.core.exceptions import TransientError
from styleguide_example.emails import bursts, cleanup, connections, delivery, limits, selectors, senders
from styleguide_example.emails.exceptions import EmailGivenUpError, EmailNotClaimedError

logger = structlog.get_logger(__name__)

#: A further message for a burst is thrown away when no worker took it in this time.
BURST_MESSAGE_SECONDS = 30


def _email_send_failure(  # noqa: PLR0917  Celery's signature
    self: WakeUpTask, exc: Exception, task_id: str, args: Any, kwargs: dict[str, Any], einfo: Any
) -> None:
    """End the e-mail when its last attempt has failed.

    Celery calls this in the worker's main process after a hard time limit, and in the pool's process otherwise; after
    SIGKILL it is not called at all, and an error in it reaches nobody. So it is quick, it does not raise for a database
    that is away, and whatever it leaves undone the sweep does.
    """
    email_id = kwargs.get("email_id")
    if not self.request.is_eager:  # in the main process no task has looked at the connection for a long time
        close_old_connections()
    try:
        email = selectors.email_get(email_id=email_id) if isinstance(email_id, int) else None
        if email is None:
            logger.warning("email_send_failure_without_email", email_id=email_id)
            return
        if isinstance(exc, TimeLimitExceeded):
            delivery.emails_lost(owner=task_id)
        delivery.email_failed(email=email)
    except (DatabaseError, InterfaceError):
        logger.exception("email_send_failure_not_recorded", email_id=email_id, next="the sweep ends the e-mail")


@shared_task(
    bind=True,
    base=WakeUpTask,
    # Failed attempts carry the time of the next one, which the row holds too. The back-off below is for a database that
    # was away, so that nothing could be recorded; the sweep does what outlasts it.
    # https://docs.celeryq.dev/en/stable/userguide/tasks.html#retrying
    autoretry_for=(TransientError, OperationalError, InterfaceError),
    max_retries=settings.EMAIL_SENDING_MAX_ATTEMPTS - 1,
    retry_backoff=1,  # seconds, doubled each time
    retry_backoff_max=ETA_MAX_SECONDS,
    retry_jitter=True,
    throws=(EmailGivenUpError,),  # an address that nobody has is an outcome, not a bug: no traceback in the logs
    on_failure=_email_send_failure,
)
def email_send(self: WakeUpTask, *, email_id: int) -> None:
    """Send one e-mail that was asked for. A second message for the same e-mail does nothing."""
    try:
        delivery.email_send_by_id(email_id=email_id, owner=self.request.id or "")
    except EmailNotClaimedError:
        if selectors.email_get(email_id=email_id) is None:
            logger.warning("email_gone", email_id=email_id)
        else:  # the normal end of a message that was doubled, came late, or was overtaken by a cancel
            logger.info("email_not_claimed", email_id=email_id)


def _email_send_due_failure(  # noqa: PLR0917  Celery's signature
    self: WakeUpTask, exc: Exception, task_id: str, args: Any, kwargs: dict[str, Any], einfo: Any
) -> None:
    """Release what a burst held whose process was killed. Of any other the senders may still hear an answer.

    What is left undone here, the sweep does when the leases run out.
    """
    if not isinstance(exc, TimeLimitExceeded):
        return
    if not self.request.is_eager:
        close_old_connections()
    try:
        delivery.emails_lost(owner=task_id)
    except (DatabaseError, InterfaceError):
        logger.exception("email_send_due_failure_not_recorded", next="the sweep releases the leases")


@shared_task(
    bind=True,
    base=WakeUpTask,
    default_priority=Priority.LOW,
    # The database was restarted: the next burst goes on, and if its message is lost too, the next sweep asks for one.
    autoretry_for=(OperationalError, InterfaceError),
    max_retries=3,
    retry_backoff=1,  # seconds, doubled each time
    # A burst ends by itself long before; these are for one that hangs with its connections.
    soft_time_limit=180,
    time_limit=220,
    on_failure=_email_send_due_failure,
)
def email_send_due(self: WakeUpTask) -> None:
    """Send what is due, many at once. One message is enough for any number; a second one helps if there is more."""
    # Behind everything else that waits, or a long backlog would leave no place for it; and the sweep asks again.
    more = partial(email_send_due.wake, priority=Priority.LOWEST, expires=BURST_MESSAGE_SECONDS)
    bursts.emails_send_due(owner=self.request.id or "", more=more)


@shared_task(
    base=WakeUpTask,
    default_priority=Priority.RESERVED,
    # The next one goes on where this one stopped, and begins beside it: so few of them are at work at once.
    soft_time_limit=20,
    time_limit=25,
    schedulable=True,
)
def email_sweep() -> None:
    """Wake workers for the e-mails that were left behind, as far as the queue is not full of such messages already.

    Stops when the broker goes away; the next sweep goes on.
    """
    waiting = email_send.messages_waiting()
    room = 0 if waiting is None else max(settings.EMAIL_SENDING_SWEEP_LIMIT - waiting, 0)
    left_behind = delivery.email_sweep(limit=room)
    if left_behind.is_burst and room:
        # The next sweep asks again, so this one need not be kept for long.
        email_send_due.wake(expires=BURST_MESSAGE_SECONDS)
    for email in left_behind.emails:
        if not email_send.wake(kwargs={"email_id": email.pk}, priority=email.priority):
            return


@shared_task(
    base=WakeUpTask, default_priority=Priority.LOWEST, soft_time_limit=3540, time_limit=3600, schedulable=True
)  # seconds
def email_cleanup() -> None:
    """Delete e-mails that ended long ago, and what nobody needs to know any more of how fast they may go."""
    cleanup.email_cleanup()
    limits.limits_cleanup()


@signals.worker_process_shutdown.connect
def connection_farewell(**_: Any) -> None:
    """Say goodbye to the mail servers when a process of the pool ends."""
    senders.team_farewell()
    connections.connection_close()
    limits.gate().close()
