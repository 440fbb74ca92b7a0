"""Keeps addresses, links' tokens and secrets out of the logs, whoever wrote the line."""

import re
from collections.abc import MutableMapping
from typing import Any

_MASKS = (
    # An address, plain or percent-encoded. Masked whole: the domain alone can name a person. A domain has a dot; without
    # one it is a worker's name (celery@host).
    (re.compile(r"[\w.+!#$&'*/=?^`{|}~-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+", re.IGNORECASE), "[address]"),
    # The path of a signed link: /confirm/<user>/<token>/
    (re.compile(r"(/confirm/)[^\s\"'?]+"), r"\1[token]"),
    # The password in a URL: redis://:secret@host, amqp://user:secret@host. After the first mask only hosts without a
    # name are left of these.
    (re.compile(r"(\w+://)[^/\s@]*@"), r"\1[secret]@"),
)
_SECRET_KEYS = re.compile(r"password|secret|token|authorization|cookie|api_key", re.IGNORECASE)


def redact(text: str) -> str:
    """Return ``text`` with e-mail addresses, link tokens and URL passwords masked."""
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    return text


def redact_value(value: Any) -> Any:
    """Return ``value`` with every string inside it masked; numbers and None stay as they are."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: _redact_item(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact_value(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact(str(value))


def redact_event(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The last structlog processor before rendering: mask every value of the event."""
    return {key: _redact_item(key, value) for key, value in event.items()}


def _redact_item(key: str, value: Any) -> Any:
    return "[secret]" if _SECRET_KEYS.search(key) and value else redact_value(value)
