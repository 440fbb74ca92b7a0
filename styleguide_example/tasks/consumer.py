"""The worker's door: a message that is not in the form of a call is refused here, in the log, and is gone.

Celery reads a message's headers and body as it finds them. One that holds a list where a text is meant ends the worker
with a TypeError (Celery 5.7, ``worker/strategy.py``), goes back into the queue unacknowledged, and ends the next one.
"""

from collections.abc import Mapping
from typing import Any

import structlog
from celery.worker.consumer import Consumer as CeleryConsumer
from django.conf import settings
from kombu import Message
from kombu.exceptions import ContentDisallowed, DecodeError

logger = structlog.get_logger(__name__)

#: Names of tasks and ids are far shorter.
TEXT_LENGTH_MAX = 255
#: A letter of two bytes is written as ``\u00e9`` in JSON, and there is something around the arguments.
_BYTES_PER_BYTE = 3
_BYTES_AROUND = 64 * 1024
_NUMBER_END = 2**31
#: What Celery writes into a call's headers, where it writes anything.
_KINDS: Mapping[str, Any] = {
    **dict.fromkeys(("eta", "expires", "group", "root_id", "parent_id", "lang", "shadow", "origin"), str),
    **dict.fromkeys(("argsrepr", "kwargsrepr"), str),
    **dict.fromkeys(("retries", "group_index", "replaced_task_nesting"), int),
    "ignore_result": bool,
    "timelimit": list | tuple,
    "stamped_headers": list | tuple,
    "stamps": Mapping,
}


class Consumer(CeleryConsumer):
    """Celery's own, which does not let in what is no call."""

    def create_task_handler(self, *args: Any, **options: Any) -> Any:
        """Return what is called with each message."""
        receive = super().create_task_handler(*args, **options)

        def look_first(message: Message) -> None:
            problem = message_problem(message)
            if problem is None:
                receive(message)
                return
            logger.error("message_refused", problem=problem)  # nothing of what it holds: it may be anything
            message.reject_log_error(logger, self.connection_errors)  # type: ignore[attr-defined]  # no stub knows it

        return look_first


def message_problem(message: Message) -> str | None:
    """Return why this is not a call in the form that Celery gives to one, or None.

    https://docs.celeryq.dev/en/stable/internals/protocol.html#version-2
    """
    body: Any = message.body
    limit = _BYTES_PER_BYTE * settings.JOB_PARAMETERS_MAX_BYTES + _BYTES_AROUND
    if len(body) > limit:
        return f"Its body has more than {limit:,} bytes."
    return _headers_problem(message.headers) or _body_problem(message)


def _headers_problem(headers: Any) -> str | None:
    if not isinstance(headers, Mapping):
        return "It has no headers."
    for name in ("task", "id"):
        text = headers.get(name)
        if not isinstance(text, str) or not 0 < len(text) <= TEXT_LENGTH_MAX or not text.isprintable():
            return f"Its {name} is not a text of one line, of up to {TEXT_LENGTH_MAX} characters."
    for name, kind in _KINDS.items():
        if headers.get(name) is not None and not isinstance(headers[name], kind):
            return f"Its {name} is not of the kind that Celery writes."
    if not 0 <= (headers.get("retries") or 0) < _NUMBER_END:
        return "Its retries are not a number of attempts."
    if not _are_limits(headers.get("timelimit") or (None, None)):
        return "Its timelimit is not two numbers of seconds."
    return None


def _are_limits(limits: Any) -> bool:
    return len(limits) == 2 and all(
        seconds is None or (isinstance(seconds, int | float) and 0 < seconds < _NUMBER_END) for seconds in limits
    )


def _body_problem(message: Message) -> str | None:
    try:
        payload: Any = message.payload
    except (ContentDisallowed, DecodeError, LookupError) as error:
        return f"Its body cannot be read: {type(error).__name__}."
    match payload:
        case [list(), dict(), dict()]:
            return None
    return "Its body is not [arguments, keyword arguments, options]."
