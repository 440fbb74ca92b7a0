"""What a developer gives to the service that writes an e-mail."""

from datetime import datetime
from typing import Any

import pytest
from pytest_django import Settings

from config.tests.bad_input.checking import case, nothing_changes, says
from styleguide_example.core.enums import Priority
from styleguide_example.emails.exceptions import EmailInvalidError
from styleguide_example.emails.services import Attachment, email_create

pytestmark = [pytest.mark.once, pytest.mark.django_db]

ADDRESS = "give 'name@example.com' or 'Name <name@example.com>'"
ONE_LINE = "must be one line, without control characters"
NAIVE = datetime(2030, 1, 1)  # noqa: DTZ001  that is what is wrong


@pytest.mark.parametrize(
    ("fields", "fragments"),
    [
        case("no recipient", {"to": []}, ["at least one recipient in 'to'"]),
        case("a text for the recipients", {"to": "ada@example.com"}, ["'to' is a text: give a list of addresses"]),
        case("a text for the copies", {"cc": "ada@example.com"}, ["'cc' is a text: give a list of addresses"]),
        case("a text for the replies", {"reply_to": "ada@example.com"}, ["'reply_to' is a text: give a list"]),
        case("a recipient that is a word", {"to": ["ada"]}, ["The address in 'to' is not valid", ADDRESS]),
        case(
            "one recipient of two", {"to": ["ada@example.com", "bob@"]}, ["The address in 'to' is not valid", ADDRESS]
        ),
        case("two recipients in one", {"to": ["ada@example.com, bob@example.com"]}, ["in 'to' is not valid", ADDRESS]),
        case("a copy that is a word", {"cc": ["ada"]}, ["The address in 'cc' is not valid", ADDRESS]),
        case("a hidden copy that is a word", {"bcc": ["ada"]}, ["The address in 'bcc' is not valid", ADDRESS]),
        case("a reply to a word", {"reply_to": ["ada"]}, ["The address in 'reply_to' is not valid", ADDRESS]),
        case("a sender that is a word", {"from_email": "ada"}, ["The address in 'from_email' is not valid", ADDRESS]),
        case("an accent before the @", {"to": ["adá@example.com"]}, ["The address in 'to' is not valid"]),
        case("a line break in an address", {"to": ["a@b.co\nBcc: e@b.co"]}, ["The address in 'to'", ONE_LINE]),
        case("an address of 400 characters", {"to": [f"{'a' * 388}@example.com"]}, ["address in 'to'", "at most 320"]),
        case("a line break in the subject", {"subject": "Hello\nBcc: eve@example.com"}, ["The subject", ONE_LINE]),
        case("a subject of 999 characters", {"subject": "x" * 999}, ["The subject must be at most 998 characters"]),
        case("a NUL in the text", {"plain_text": "a\0"}, ["The plain text must not contain NUL"]),
        case("a NUL in the HTML", {"html": "a\0"}, ["The html must not contain NUL"]),
        case("half of a surrogate pair", {"html": "\ud800"}, ["The html must not contain", "lone surrogates"]),
        case("a header that a field decides", {"headers": {"Bcc": "eve@example.com"}}, ["header Bcc", "pass it there"]),
        case("a header that breaks out", {"headers": {"X-A": "1\r\nBcc: e@b.co"}}, ["The header X-A", ONE_LINE]),
        case("a header without a name", {"headers": {"": "1"}}, ["'' is not a header name"]),
        case("a header name with a blank", {"headers": {"X A": "1"}}, ["'X A' is not a header name"]),
        case("a category of 101 characters", {"category": "x" * 101}, ["The category must be at most 100"]),
        case(
            "a server that there is not", {"server": "backup"}, ["no mail server 'backup'", "add it to EMAIL_SERVERS"]
        ),
        case("a priority that there is not", {"priority": 42}, ["The priority 42 is none", "Priority.HIGH"]),
        case("a priority in words", {"priority": "high"}, ["The priority 'high' is none", "Priority.HIGH"]),
        case("the engine room's priority", {"priority": Priority.RESERVED}, ["Priority 0 is reserved", "HIGHEST"]),
        case("an empty key", {"idempotency_key": ""}, ["idempotency_key must not be empty"]),
        case("a key of 256 characters", {"idempotency_key": "x" * 256}, ["The idempotency_key must be at most 255"]),
        case(
            "a time to send without a zone", {"send_after": NAIVE}, ["'send_after' has no time zone", "timezone.now()"]
        ),
        case("an end without a zone", {"expires_at": NAIVE}, ["'expires_at' has no time zone", "timezone.now()"]),
        case("a file without a name", {"attachments": [Attachment("", b"x")]}, ["An attachment needs a filename"]),
        case(
            "a file of two lines", {"attachments": [Attachment("a\nb", b"x")]}, ["filename of an attachment", ONE_LINE]
        ),
        case("a file of no type", {"attachments": [Attachment("a", b"x", "pdf")]}, ["'pdf'", "like 'application/pdf'"]),
        case(
            "a file that is too large",
            {"attachments": [Attachment("a", b"x" * 21)]},
            ["have 21 bytes, the limit is 20", "Send a link instead"],
        ),
    ],
)
def test_email_create_refuses(settings: Settings, fields: dict[str, Any], fragments: list[str]) -> None:
    settings.EMAIL_ATTACHMENTS_MAX_BYTES = 20
    right: dict[str, Any] = {
        "to": ["ada@example.com"],
        "subject": "Hello",
        "html": "<p>Hello</p>",
        "plain_text": "Hello",
    }
    with nothing_changes(), pytest.raises(EmailInvalidError) as raised:
        email_create(**{**right, **fields})
    says(str(raised.value), *fragments)
