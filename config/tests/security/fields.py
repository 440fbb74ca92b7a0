"""The fields of an e-mail that a developer fills with what somebody typed."""

from collections.abc import Callable
from typing import Any

from styleguide_example.emails.services import Attachment

#: What ``email_create`` is called with, for a value that was typed and the address that it goes to.
WRITTEN: dict[str, Callable[[str, str], dict[str, Any]]] = {
    "subject": lambda value, to: {"subject": value},
    "plain text": lambda value, to: {"plain_text": value},
    "name of the recipient": lambda value, to: {"to": [f"{value} <{to}>"]},
    "quoted name of the recipient": lambda value, to: {"to": [f'"{value}" <{to}>']},
    "name of the sender": lambda value, to: {"from_email": f"{value} <hello@example.com>"},
    "address to reply to": lambda value, to: {"reply_to": [f"{value} <reply@example.com>"]},
    "value of a header": lambda value, to: {"headers": {"X-Campaign": value}},
    "name of a header": lambda value, to: {"headers": {f"X-{value}": "1"}},
    "category": lambda value, to: {"category": value},
    "idempotency key": lambda value, to: {"idempotency_key": value},
    "name of an attachment": lambda value, to: {"attachments": [Attachment(value, b"x", "text/plain")]},
    "type of an attachment": lambda value, to: {"attachments": [Attachment("a.txt", b"x", f"text/{value}")]},
}


def email_fields(field: str, value: str, to: str) -> dict[str, Any]:
    """What ``email_create`` is called with when ``value`` was typed into ``field``."""
    return {
        "to": [to],
        "subject": "Hello",
        "html": "<p>Hello</p>",
        "plain_text": "Hello\n",
        **WRITTEN[field](value, to),
    }
