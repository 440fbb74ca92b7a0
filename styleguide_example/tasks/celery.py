"""The Celery app: ``celery -A styleguide_example.tasks.celery worker``.

https://docs.celeryq.dev/en/stable/django/first-steps-with-django.html
"""

import logging.config
import os
from typing import Any

import structlog
from celery import Celery, Task, signals
from celery.app.defaults import DEFAULTS
from celery.app.utils import Settings
from django.conf import settings
from django.db import close_old_connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.dispatch import receiver
from django_structlog.celery.signals import bind_extra_task_metadata
from django_structlog.celery.steps import DjangoStructLogInitStep

from styleguide_example.core.garbage import startup_objects_freeze

# Whoever forgets to say which settings gets those that refuse to start without secrets, not those that are open.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.django.production")

WORKER_BROKER_TIMEOUT_SECONDS = 10
#: Options that are called a time-out, and are not how long the broker is waited for. With ``retry_on_timeout`` redis-py
#: would connect again by itself and then read without a time-out: when Redis was restarted quickly, the worker hung.
_NOT_PATIENCE = frozenset({"visibility_timeout", "retry_on_timeout"})
IDLE_TRANSACTION_LIMIT = "5s"  # of beat

app = Celery("styleguide_example", task_cls="styleguide_example.common.wakeups:WakeUpTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# Brings the request id from the message's headers into every line that the task logs.
app.steps["worker"].add(DjangoStructLogInitStep)


@app.on_after_configure.connect
def configuration_resolve(source: Settings, **_: Any) -> None:
    """Look each setting up once: Celery would ask Django's settings, under four names, a dozen times a message."""
    source.update({name: source[name] for name in DEFAULTS})


@signals.setup_logging.connect
def setup_logging(**_: Any) -> None:
    """Celery would configure logging its own way; connecting a receiver leaves it to the settings."""
    logging.config.dictConfig(settings.LOGGING)


@receiver(bind_extra_task_metadata)
def task_name_bind(task: Task[Any, Any], **_: Any) -> None:
    """Every line that is logged in a task names it."""
    structlog.contextvars.bind_contextvars(task=task.name)


@signals.celeryd_init.connect
def broker_patience(conf: Any, **_: Any) -> None:
    """A worker may wait for a slow broker; the settings are those of a request, behind which a person waits."""
    conf.broker_connection_timeout = WORKER_BROKER_TIMEOUT_SECONDS
    conf.broker_transport_options = {
        name: WORKER_BROKER_TIMEOUT_SECONDS if name.endswith("_timeout") and name not in _NOT_PATIENCE else value
        for name, value in conf.broker_transport_options.items()
    }


@signals.beat_init.connect
def beat_limits(**_: Any) -> None:
    """A leading beat that is paused inside a transaction must not hold the row on which the next one waits."""
    connection_created.connect(idle_transaction_limit)


def idle_transaction_limit(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Let PostgreSQL end a transaction in which nothing is asked.

    https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-IDLE-IN-TRANSACTION-SESSION-TIMEOUT
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('idle_in_transaction_session_timeout', %s, false)", [IDLE_TRANSACTION_LIMIT]
            )


@signals.worker_process_init.connect
@signals.worker_ready.connect
@signals.beat_init.connect
def memory_bound(**_: Any) -> None:
    """Let the garbage of tasks be found soon: in each process of a pool, in a worker's main process, and in beat."""
    startup_objects_freeze()


@signals.task_prerun.connect
def connections_check(task: Task[Any, Any], **_: Any) -> None:
    """Before a task, drop a database connection that broke or grew too old since the last one.

    ``CELERY_DB_REUSE_MAX`` keeps connections over tasks but does not look at them: without this a worker whose database
    was restarted would fail task after task. Not for a task called in place: its caller may be in a transaction.
    """
    if not task.request.is_eager:
        close_old_connections()
