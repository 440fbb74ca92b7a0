"""Keeps addresses, links' tokens and secrets out of the logs, whoever wrote the line."""

import re
from collections.abc import MutableMapping
from typing import Any

_LOCAL_PART = r"[\w.+!#$%&'*/=?^`{|}~-]"  # of an address, RFC 5322 3.4.1
_DOMAIN = r"(?:[\w-]+(?:\.[\w-]+)+|\[[\w.:]+\])"
# The path of a signed link, plain or percent-encoded: /confirm/<user>/<token>/, /unsubscribe/<token>/
_LINK = (re.compile(r"((?:/|%2F)(?:confirm|unsubscribe)(?:/|%2F))[^\s\"'?<]+", re.IGNORECASE), r"\1[token]")
# Each pattern is linear in the length of the text: a log line may hold a megabyte of base64.
_MASKS = (
    # User and password in a URL: redis://:secret@host, smtp://ada@example.com:secret@host. Before the addresses, which
    # would leave the part of a password before a colon.
    (re.compile(r"(?<=://)[^/?#\s\"<>]*@"), "[secret]@"),
    # The row that PostgreSQL quotes when a constraint refuses it: bodies and names.
    (re.compile(r"(Failing row contains )\(.*\)", re.DOTALL), r"\1([row])"),
    # An address, plain or percent-encoded. Masked whole: the domain alone can name a person. A domain has a dot; with
    # none it is a worker's name (celery@host).
    (
        re.compile(rf"(?:\"[^\"\r\n]{{1,64}}\"|(?<!{_LOCAL_PART}){_LOCAL_PART}+)(?:@|%40){_DOMAIN}", re.IGNORECASE),
        "[address]",
    ),
    _LINK,
    # The API's tokens, which begin so wherever they stand (api/tokens.py).
    (re.compile(r"\bsge_[\w-]{20,}"), "[token]"),
)
_SECRET_KEYS = re.compile(r"password|secret|token|authorization|cookie|api_key", re.IGNORECASE)


def redact(text: str) -> str:
    """Return ``text`` with e-mail addresses, link tokens and URL passwords masked.

    Halves of surrogate pairs become escapes: a line that cannot be encoded would be lost.
    """
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    return text.encode("utf-8", "backslashreplace").decode()


def links_masked(text: str) -> str:
    """Return ``text`` with the tokens of signed links masked and everything else as it is."""
    pattern, mask = _LINK
    return pattern.sub(mask, text)


def redact_value(value: Any) -> Any:
    """Return ``value`` with every string inside it masked; numbers and None stay as they are."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {_redact_key(key): _redact_item(str(key), item) for key, item in value.items()}
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


def _redact_key(key: Any) -> Any:
    return redact(key) if isinstance(key, str) else key
