"""What people and programs type into an e-mail, as it arrives at a mail server: text, and never a part of the message.

Each value is either refused, with nothing written, or arrives in a message of the very form that a harmless one has.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from django.test import Client
from django.urls import reverse

from config.tests.security.fields import WRITTEN, email_fields
from config.tests.security.hostile import HARMLESS, HOSTILE, Shape, message_form
from styleguide_example.announcements.fanout import announcement_fan_out
from styleguide_example.announcements.models import Announcement
from styleguide_example.announcements.tests.factories import announcement_begun, job_held, people_make
from styleguide_example.common.models import RateLimit
from styleguide_example.core.exceptions import ConflictError
from styleguide_example.emails.enums import EmailStatus
from styleguide_example.emails.models import Email
from styleguide_example.emails.services import email_create, email_queue, email_send
from styleguide_example.emails.tests.smtp_server import Received, SMTPServer
from styleguide_example.jobs.models import Job
from styleguide_example.notifications.enums import Level
from styleguide_example.notifications.services import notification_send, notification_settings_save
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import user_confirmed, user_onboarded

pytestmark = [pytest.mark.once, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("queue")]

ADDRESS = "ada@example.com"
#: What the product says when it refuses, to a person or to the one who wrote the call.
REFUSALS = (ValidationError, ConflictError, ValueError)


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


def _written(field: str, value: str) -> Email:
    """By a developer, who passes on what somebody typed."""
    return email_create(**email_fields(field, value, ADDRESS))


#: Every place in an e-mail that takes what somebody typed.
FIELDS: dict[str, Callable[[str], Email]] = {
    "name in the welcome": _welcome,
    "name in an announcement": lambda value: _announcement(name=value),
    "subject of an announcement": lambda value: _announcement(subject=value),
    "text of an announcement": lambda value: _announcement(body=value),
    "title of a notification": lambda value: _notification(title=value),
    "text of a notification": lambda value: _notification(text=value),
    "link of a notification": lambda value: _notification(url=f"/jobs/{value}"),
    **{field: partial(_written, field) for field in WRITTEN},
}
#: Where what people type has to be read as they typed it.
OF_PEOPLE = ["name in the welcome", "name in an announcement", "text of a notification", "title of a notification"]
#: Markdown is what these are for: a list or a heading is one.
OF_MARKDOWN = {"text of an announcement"}
#: A header's own name is what changes.
OF_ITS_OWN_NAME = {"name of a header"}


def _form(received: Received, field: str) -> dict[str, Any]:
    """Everything about a message but what it says, and but what this field is for."""
    form = message_form(received)
    if field in OF_ITS_OWN_NAME:
        form["headers"] = []
    if field == "type of an attachment":
        form["parts"] = []
    if field in OF_MARKDOWN:
        form |= {"tags": [], "leads": [lead for lead in form["leads"] if not lead.startswith("mailto:")]}
    if field == "link of a notification":
        form["leads"] = []
    return form


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
            assert value in Shape(html.get_content()).text
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
