"""Messages as somebody writes them who has got hold of the broker, and who need not keep to anything."""

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from styleguide_example.tasks.celery import app as celery_app

#: Called when all is forged; see ``conftest.py``.
Lives = Callable[[], str]

JSON = "application/json"


def message_forge(
    body: bytes | str, *, content_type: str = JSON, encoding: str = "utf-8", headers: Mapping[str, Any] | None = None
) -> None:
    """Put this into the queue that the workers take from, past Celery."""
    queue: Any = celery_app.amqp.queues[celery_app.conf.task_default_queue]
    with celery_app.connection_for_write() as connection:
        producer: Any = connection.Producer(auto_declare=False)
        producer.publish(
            body.encode() if isinstance(body, str) else body,  # kombu would look the encoding up
            exchange=queue.exchange,
            routing_key=queue.routing_key,
            declare=[queue],
            content_type=content_type,
            content_encoding=encoding,
            headers=dict(headers or {}),
            retry=False,
        )


def task_forge(task: str, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None) -> None:
    """A call of ``task`` in the form that Celery gives to one, with any arguments."""
    message_forge(json.dumps([args, kwargs or {}, {}]), headers=call_headers(task))


def call_headers(task: object, **changes: Any) -> dict[str, Any]:
    """What stands in the header of a call.

    https://docs.celeryq.dev/en/stable/internals/protocol.html#version-2
    """
    return {"lang": "py", "task": task, "id": str(uuid.uuid4()), "retries": 0, "timelimit": [None, None], **changes}
