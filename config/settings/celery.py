"""Celery: every key here is one that Celery reads, or a system check stops the build (``tasks/checks.py``).

https://docs.celeryq.dev/en/stable/userguide/configuration.html
"""

from config import addresses
from config.env import VAR_DIR, env
from styleguide_example.core.enums import HIGHEST_BROKER_PRIORITY

# https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/
CELERY_BROKER_URL = addresses.broker(env.str("CELERY_BROKER_URL", default=f"redis+socket://{VAR_DIR / 'broker.sock'}"))

CELERY_TASK_DEFAULT_QUEUE = env.str("CELERY_TASK_DEFAULT_QUEUE", default="celery")

# -- The wake-up message: small, readable, and never worth waiting for -------------------------------------------------
# https://docs.celeryq.dev/en/stable/userguide/security.html#serializers
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]

# A person waits behind a publish, so it may take half a second and is not repeated: the sweep finds the row anyway. (A
# worker has more patience: tasks/celery.py.)
# https://docs.celeryq.dev/en/stable/userguide/calling.html#message-sending-retry
CELERY_TASK_PUBLISH_RETRY = (
    True  # with no retries in the policy; without the policy kombu sleeps 2 s before it gives up
)
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 0, "interval_start": 0, "interval_step": 0, "interval_max": 0}
CELERY_BROKER_CONNECTION_TIMEOUT = 0.5  # seconds
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # a worker waits for its broker for as long as it takes

if CELERY_BROKER_URL.startswith("redis"):
    # https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/redis.html
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "socket_timeout": 0.5,
        "socket_connect_timeout": 0.5,
        "socket_keepalive": True,
        "retry_on_timeout": False,
        # Ten lists a queue, so that ten priorities are ten priorities. Redis serves the lowest number first.
        "priority_steps": list(range(HIGHEST_BROKER_PRIORITY + 1)),
        "queue_order_strategy": "priority",
        # Messages that a killed worker had fetched come back after the visibility time-out. The two options after it
        # make that 20 s later at most; with kombu's defaults it is 90 s (kombu 5.7, `transport/redis.py`).
        "visibility_timeout": 300,
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 2,
    }
else:
    # Publisher confirms: without them RabbitMQ drops what it had accepted and not yet written when it is killed.
    # https://docs.celeryq.dev/projects/kombu/en/stable/reference/kombu.transport.pyamqp.html
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "confirm_publish": True,
        "confirm_timeout": 0.3,
        "connect_timeout": 0.5,
        "read_timeout": 0.2,  # waited for up to three times when a kept connection has fallen silent
        "write_timeout": 0.3,
    }
    # https://docs.celeryq.dev/en/stable/userguide/routing.html#rabbitmq-message-priorities
    CELERY_TASK_QUEUE_MAX_PRIORITY = HIGHEST_BROKER_PRIORITY

# -- The worker --------------------------------------------------------------------------------------------------------
# Acknowledged before the work: the row, its lease and the sweep bring back what a killed worker left. Acknowledged
# after it, a task that kills its worker would be delivered again for ever.
CELERY_TASK_ACKS_LATE = False
# For the same reason a message is never put back when a process of the pool dies.
CELERY_TASK_REJECT_ON_WORKER_LOST = False
# Refuses what is no call before Celery reads it, which a list in the place of a text would end.
CELERY_WORKER_CONSUMER = "styleguide_example.tasks.consumer:Consumer"
# One message in hand for each process: a long task does not hoard the short ones behind it.
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CONCURRENCY = env.int("CELERY_WORKER_CONCURRENCY", default=2, at_least=1)
# Soft is an exception in the task, hard is SIGKILL. Shorter than the lease, or a live worker could lose its row.
CELERY_TASK_SOFT_TIME_LIMIT = env.int("CELERY_TASK_SOFT_TIME_LIMIT_SECONDS", default=90, at_least=0)
CELERY_TASK_TIME_LIMIT = env.int("CELERY_TASK_TIME_LIMIT_SECONDS", default=100, at_least=1)
# SIGTERM: finish what runs. SIGQUIT (Heroku with REMAP_SIGTERM) gets this many seconds to finish too.
# https://docs.celeryq.dev/en/stable/userguide/workers.html#soft-shutdown
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 10
# Keep the database connection over this many tasks instead of opening one for each (2.9 times the throughput).
CELERY_DB_REUSE_MAX = 1000
# structlog writes the lines (``tasks/celery.py``).
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

# Rows hold the outcome; a result backend for results that nobody reads is one more thing that can be down.
CELERY_TASK_IGNORE_RESULT = True
CELERY_RESULT_EXPIRES = None  # else beat makes a clean-up entry for a backend that is not there

# -- Beat --------------------------------------------------------------------------------------------------------------
# https://django-celery-beat.readthedocs.io/en/latest/
# Of which two or more may run: one leads, the others stand by.
CELERY_BEAT_SCHEDULER = "styleguide_example.tasks.scheduler:LeasedScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 2  # seconds until a changed schedule is honoured
CELERY_TIMEZONE = "UTC"
