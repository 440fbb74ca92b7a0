"""What people and programs type into an e-mail, as it arrives at a mail server: text, and never a part of the message.

Each value is either refused, with nothing written, or arrives in a message of the very form that a harmless one has.
"""

from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from django.test import Client
from django.urls import reverse

from styleguide_example.announcements.fanout import announcement_fan_out
from styleguide_example.announcements.models import Announcement
from styleguide_example.announcements.tests.factories import announcement_begun, job_held, people_make
from styleguide_example.common.models import RateLimit
from styleguide_example.core.exceptions import ConflictError
from styleguide_example.core.redaction import links_masked
from styleguide_example.emails.enums import EmailStatus
from styleguide_example.emails.models import Email
from styleguide_example.emails.services import Attachment, email_create, email_queue, email_send
from styleguide_example.emails.tests.smtp_server import Received, SMTPServer
from styleguide_example.jobs.models import Job
from styleguide_example.notifications.enums import Level
from styleguide_example.notifications.services import notification_send, notification_settings_save
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import user_confirmed, user_onboarded

pytestmark = [pytest.mark.once, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("queue")]

ADDRESS = "ada@example.com"
LINE_ENDS = ["\r\n", "\n", "\r", "\x00", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]
HOSTILE = [
    *(f"Ada{end}Bcc: eve@example.com" for end in LINE_ENDS),
    *(f"Ada{end}{end}<h1>Another body</h1>" for end in ("\r\n", "\n", "\r")),
    "Ada\r\n.\r\nMAIL FROM:<eve@example.com>\r\nRCPT TO:<eve@example.com>\r\nDATA\r\n",
    "Ada\n.\nMAIL FROM:<eve@example.com>",
    "=?utf-8?q?Ada=0D=0ABcc:_eve@example.com?=",
    "=?utf-8?b?QWRhDQpCY2M6IGV2ZUBleGFtcGxlLmNvbQ==?=",
    "Ada%0d%0aBcc: eve@example.com",
    'Ada" <eve@example.com>, "Eve',
    "Ada, eve@example.com",
    "--===============0==",
    "{{ 7|add:42 }}{% debug %}{% include 'emails/base.html' %}{# x #}",
    "{{ settings.SECRET_KEY }}",
    "%(name)s {name} ${name} #{7*7}",
    "<script>alert(1)</script>",
    "</title></p></body></html><script src=//evil.example></script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "<a href='javascript:alert(1)'>here</a>",
    "[here](javascript:alert(1))",
    "![here](http://evil.example/pixel.png)",
    "<!-- --><style>*{display:none}</style>",
    "&lt;b&gt;&#60;b&#62;",
    "\u202eAda\u202c",
    "\ud800",
]
HARMLESS = "Ada"
#: What the product says when it refuses, to a person or to the one who wrote the call.
REFUSALS = (ValidationError, ConflictError, ValueError)


class _Shape(HTMLParser):
    """Tags with the names of their attributes, and where they lead."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.leads: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(f"{tag} {sorted(name for name, _ in attrs)}")
        self.leads += [str(value) for name, value in attrs if name in {"href", "src", "background"}]

    def handle_data(self, data: str) -> None:
        self.text += data


def _welcome(value: str) -> Email:
    """What somebody is called, by the page on which they say so."""
    user, client = user_confirmed(email=ADDRESS), Client()
    client.force_login(user)
    client.post(reverse("users:onboarding"), {"full_name": value})
    if not User.objects.get(pk=user.pk).full_name:
        raise ValidationError("refused")
    client.post(reverse("users:onboarding"), {"time_zone": "UTC"})
    return Email.objects.get()


def _announcement(**fields: str) -> Email:
    name = fields.pop("name", "Grace")
    people_make(1, email=ADDRESS)
    User.objects.update(full_name=name)  # past the form, which would have refused it
    announcement = announcement_begun(**fields)
    announcement_fan_out(announcement=announcement, job=job_held(announcement))
    if Announcement.objects.get().invalid:
        raise ValidationError("counted as one that cannot be written to")
    return Email.objects.get()


def _notification(**fields: str) -> Email:
    user = user_onboarded(email=ADDRESS)
    notification_settings_save(user_id=user.pk, data={"email_on_failure": True})
    notification_send(user_id=user.pk, level=Level.FAILURE, **{"title": "It failed.", **fields})
    return Email.objects.get()


def _written(**fields: Any) -> Email:
    """By a developer, who passes on what somebody typed."""
    email = {"to": [ADDRESS], "subject": "Hello", "html": "<p>Hello</p>", "plain_text": "Hello\n", **fields}
    return email_create(**email)


#: Every place in an e-mail that takes what somebody typed.
FIELDS: dict[str, Callable[[str], Email]] = {
    "name in the welcome": _welcome,
    "name in an announcement": lambda value: _announcement(name=value),
    "subject of an announcement": lambda value: _announcement(subject=value),
    "text of an announcement": lambda value: _announcement(body=value),
    "title of a notification": lambda value: _notification(title=value),
    "text of a notification": lambda value: _notification(text=value),
    "link of a notification": lambda value: _notification(url=f"/jobs/{value}"),
    "subject": lambda value: _written(subject=value),
    "plain text": lambda value: _written(plain_text=value),
    "name of the recipient": lambda value: _written(to=[f"{value} <{ADDRESS}>"]),
    "quoted name of the recipient": lambda value: _written(to=[f'"{value}" <{ADDRESS}>']),
    "name of the sender": lambda value: _written(from_email=f"{value} <hello@example.com>"),
    "address to reply to": lambda value: _written(reply_to=[f"{value} <reply@example.com>"]),
    "value of a header": lambda value: _written(headers={"X-Campaign": value}),
    "name of a header": lambda value: _written(headers={f"X-{value}": "1"}),
    "category": lambda value: _written(category=value),
    "idempotency key": lambda value: _written(idempotency_key=value),
    "name of an attachment": lambda value: _written(attachments=[Attachment(value, b"x", "text/plain")]),
    "type of an attachment": lambda value: _written(attachments=[Attachment("a.txt", b"x", f"text/{value}")]),
}
#: Where what people type has to be read as they typed it.
OF_PEOPLE = ["name in the welcome", "name in an announcement", "text of a notification", "title of a notification"]
#: Markdown is what these are for: a list or a heading is one.
OF_MARKDOWN = {"text of an announcement"}
#: A header's own name is what changes.
OF_ITS_OWN_NAME = {"name of a header"}


def _form(received: Received, field: str) -> dict[str, Any]:
    """Everything about a message but what it says."""
    message = received.message
    html = message.get_body(("html",))
    shape = _Shape(html.get_content() if html is not None else "")
    leads = [links_masked(one) for one in shape.leads if field not in OF_MARKDOWN or not one.startswith("mailto:")]
    return {
        "envelope": (received.sender, received.recipients),
        "headers": [] if field in OF_ITS_OWN_NAME else sorted(name.lower() for name in message),
        "parts": [part.get_content_type() for part in message.walk() if field != "type of an attachment"],
        "recipients": [address.addr_spec for address in message["To"].addresses],
        "senders": [address.addr_spec for address in message["From"].addresses],
        "tags": [] if field in OF_MARKDOWN else [tag for tag in shape.tags if not tag.startswith(("p [", "br ["))],
        "leads": [] if field == "link of a notification" else leads,
    }


class TestEmail:
    @pytest.mark.parametrize("field", FIELDS)
    def test_keeps_its_form_whatever_somebody_types(self, smtp: SMTPServer, field: str) -> None:
        usual = _form(_arrives(field, HARMLESS, smtp), field)
        changed = {}

        for value in HOSTILE:
            received = _arrives_or_is_refused(field, value, smtp)
            if received is not None and (form := _form(received, field)) != usual:
                changed[value] = {name: (form[name], usual[name]) for name in form if form[name] != usual[name]}

        assert changed == {}

    @pytest.mark.parametrize("field", OF_PEOPLE)
    def test_shows_what_was_typed_as_it_was_typed(self, smtp: SMTPServer, field: str) -> None:
        for value in (one for one in HOSTILE if ("{" in one or "<" in one) and len(one.splitlines()) == 1):
            message = _arrives(field, value, smtp).message
            html, text = message.get_body(("html",)), message.get_body(("plain",))
            assert html is not None
            assert text is not None
            assert value in _Shape(html.get_content()).text
            assert value in text.get_content()


def _arrives_or_is_refused(field: str, value: str, smtp: SMTPServer) -> Received | None:
    """What arrived; None of what was refused with nothing written."""
    try:
        return _arrives(field, value, smtp)
    except REFUSALS:
        assert not Email.objects.exists()
        return None


def _arrives(field: str, value: str, smtp: SMTPServer) -> Received:
    """Write an e-mail with the value into a product in which nobody is, and return the one message that arrives."""
    for model in (Email, Announcement, Job, User, RateLimit):
        model._default_manager.all().delete()
    smtp.received.clear()
    smtp.commands.clear()
    with transaction.atomic():
        email = FIELDS[field](value)
    email_send(email=email if email.status == EmailStatus.SENDING else email_queue(email=email))
    assert smtp.commands["MAIL"] == smtp.commands["DATA"] == len(smtp.received) == 1
    return smtp.received[0]
