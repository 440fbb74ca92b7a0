"""Every message of a task leaves twice, byte for byte, as a broker may deliver it that missed an acknowledgement."""

from typing import Any

from kombu import Producer


def messages_double() -> None:
    """From now on, in this process. What workers say to each other is left alone."""
    publish = Producer._publish  # what is sent once, however often the sending is tried

    def publish_twice(self: Producer, *message: Any, **options: Any) -> Any:
        headers = message[_HEADERS] or {}
        if "task" in headers:
            publish(self, *message, **options)
        return publish(self, *message, **options)

    Producer._publish = publish_twice  # type: ignore[method-assign]


#: Of the arguments of ``Producer._publish``: after body, priority, content type and encoding.
_HEADERS = 4
