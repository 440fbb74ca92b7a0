"""Logs: structlog, one event a line, JSON in production; addresses and tokens are masked whoever wrote the line.

https://www.structlog.org/en/stable/standard-library.html#rendering-using-structlog-based-formatters-within-logging
"""

import logging
from typing import Any

import structlog

from config import addresses
from config.env import env
from styleguide_example.core.redaction import redact_event

LOG_LEVEL = env.str("LOG_LEVEL", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"])
LOG_FORMAT = env.str(
    "LOG_FORMAT",
    default="console" if env.bool("DJANGO_DEBUG", default=True) else "json",
    choices=["console", "json"],
)
#: Where logs are searched: the words stand in the place of ``{query}``. Empty: pages show the words alone.
LOG_SEARCH_URL = addresses.search_url(env.str("LOG_SEARCH_URL", default=""), of="LOG_SEARCH_URL")

_processors: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]
# Tracebacks become text before they are masked; locals are never shown.
_rendering: list[Any] = [
    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
    structlog.processors.format_exc_info,
    redact_event,
    structlog.processors.JSONRenderer() if LOG_FORMAT == "json" else structlog.dev.ConsoleRenderer(colors=False),
]

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "structlog": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processors": _rendering,
            "foreign_pre_chain": _processors,
        },
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "structlog"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        # Django's own handlers would print each error a second time, and in DEBUG mail it.
        "django": {"handlers": [], "propagate": True},
        "django.server": {"handlers": [], "propagate": True},
        # django-structlog says it already, with the request's id: that a task began, succeeded, and failed with its
        # traceback. What is left are errors inside Celery.
        "celery.app.trace": {"level": "CRITICAL"},
        "celery.worker.strategy": {"level": "WARNING"},
    },
}

structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        *_processors,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)

# The request id travels in the message's headers into the task.
# https://django-structlog.readthedocs.io/en/latest/celery.html
DJANGO_STRUCTLOG_CELERY_ENABLED = True
# That a task was asked for and began is said at LOG_LEVEL=DEBUG only: its end has a line, with how long it took, and
# what it does has lines of its own. Each line is a tenth of the time that a short task takes.
DJANGO_STRUCTLOG_CELERY_TASK_START_LOG_LEVEL = logging.DEBUG
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False
