"""What workers tell monitors over the broker (``celery events``): why a task failed, without addresses and secrets."""

from typing import Any

from celery.worker.request import Request as CeleryRequest

from styleguide_example.core.redaction import redact_value


class Request(CeleryRequest):
    """Celery's own, whose events are masked as the logs are: an error quotes the row that it is about."""

    def send_event(self, type: str, **fields: Any) -> None:  # noqa: A002  Celery's name
        """Send an event about this task."""
        super().send_event(type, **redact_value(fields))
