"""People who type what wants to be more than text, and developers who pass it on."""

from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.db import transaction
from django.test import Client
from django.utils import timezone

from config.tests.security.fields import WRITTEN, email_fields
from styleguide_example.core.exceptions import ConflictError
from styleguide_example.emails.services import email_create, email_queue
from styleguide_example.notifications.enums import Level
from styleguide_example.notifications.services import notification_send
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import UserFactory

#: What the product says when it refuses what a developer passes on.
_REFUSALS = (ValidationError, ConflictError, ValueError)
_NOTIFIED = {"title of a notification": "title", "text of a notification": "text"}


def people_confirmed(*, addresses: Sequence[str], is_staff: bool = False) -> dict[str, str]:
    """Make people whose address is confirmed, and sign them in. Returns their sessions by address."""
    found = {}
    for address in addresses:
        client = Client()
        client.force_login(_person(address, is_staff=is_staff, is_superuser=is_staff))
        found[address] = client.cookies["sessionid"].value
    return found


def fields() -> list[str]:
    """The fields that :func:`typed` knows."""
    return [*WRITTEN, *_NOTIFIED]


def typed(*, field: str, value: str, to: str) -> bool:
    """Write an e-mail with ``value`` in it and ask for it. Returns whether the product took it."""
    try:
        with transaction.atomic():
            if field in _NOTIFIED:
                said = {"title": "It failed.", _NOTIFIED[field]: value}
                person = _person(to)
                notification_send(user_id=person.pk, level=Level.FAILURE, **said)
            else:
                email_queue(email=email_create(**email_fields(field, value, to)))
    except _REFUSALS:
        return False
    return True


def name_of(*, address: str) -> str:
    """What somebody is called by now."""
    return str(User.objects.values_list("full_name", flat=True).get(email=address))


def _person(address: str, **fields: object) -> User:
    """Whose address is confirmed. A password would cost a third of a second, and nobody needs one."""
    return UserFactory.create(email=address, email_confirmed_at=timezone.now(), **fields)
