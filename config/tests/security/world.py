"""A product with one row of everything in it, all of it Ada's; and those who come and ask for it."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group
from django.test import Client
from django.urls import URLResolver, get_resolver

from styleguide_example.announcements.tests.admins import sent
from styleguide_example.announcements.unsubscribing import unsubscribe_url
from styleguide_example.api.tokens import token_create
from styleguide_example.emails.enums import SuppressionReason
from styleguide_example.emails.models import Email, SendingPace, Suppression
from styleguide_example.emails.services import Attachment
from styleguide_example.emails.suppressions import suppression_add
from styleguide_example.emails.tests.factories import email_ended
from styleguide_example.jobs.enums import JobState, Scope
from styleguide_example.jobs.models import ControlEntry
from styleguide_example.jobs.services import job_pause
from styleguide_example.jobs.tests.factories import job_ended_make
from styleguide_example.notifications.models import Notification
from styleguide_example.tasks.tests.beats import NOON, schedule_make
from styleguide_example.tasks.tests.workers import run_make
from styleguide_example.tasks.timing import Cron
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import UserFactory, user_onboarded, user_staff
from styleguide_example.users.tokens import confirmation_url

#: Routes of the admin that are regular expressions, by how they begin.
_REGULAR_EXPRESSIONS = {"^(?P<app_label>": "<app_label>/", "(?P<url>": "<anything>"}
#: Who asks: nobody, somebody else, staff who hold no permission, and who may.
PEOPLE = ("nobody", "another", "staff", "owner")


@dataclass(frozen=True)
class World:
    """``parameters``: what stands in an address in the place of each of its parameters, by route where they differ."""

    ada: User
    parameters: dict[str, dict[str, object]]

    def client(self, person: str, *, checks_csrf: bool = False) -> Client:
        """A browser of one of :data:`PEOPLE`. Ada may everything, so what she gets is what there is."""
        client = Client(enforce_csrf_checks=checks_csrf)
        if person == "another":
            client.force_login(user_onboarded(email="another@example.com"))
        elif person == "staff":
            client.force_login(user_staff(email="staff@example.com", full_name="Staff"))
        elif person == "owner":
            client.force_login(self.ada)
        return client

    def address(self, route: str) -> str:
        """The route with Ada's rows in it."""
        known = next((names for start, names in self.parameters.items() if start and route.startswith(start)), {})
        filled = route
        for name, value in {**self.parameters[""], **known}.items():
            for kind in ("", "int:", "str:", "path:", "uuid:", "slug:"):
                filled = filled.replace(f"<{kind}{name}>", str(value))
        assert "<" not in filled, f"Say in world_make what {filled} is about."
        return f"/{filled}"


def world_make() -> World:
    """One row of everything."""
    ada = user_onboarded(email="ada@example.com", is_staff=True, is_superuser=True)
    job = job_ended_make(JobState.FAILURE, owner=ada)
    notification = Notification.objects.create(user=ada, level="failure", title="It failed.", url=f"/jobs/{job.pk}/")
    email = email_ended(Email.Status.SENT, to=[ada.email], attachments=[Attachment("terms.pdf", b"%PDF")])
    announcement = sent()
    suppression_add(address="gone@example.com", reason=SuppressionReason.BOUNCED)
    row = schedule_make("Ada's", Cron("0 * * * *"))
    run = run_make(row, due_at=NOON)
    job_pause(scope=Scope.KIND, name="count", by=ada, reason="Lunch")
    link = confirmation_url(user=UserFactory.create(email="new@example.com")).split("/")
    keys: dict[str, Any] = {
        "admin/announcements": announcement.pk,
        "admin/api": token_create(user=ada, name="export", days=1).token.pk,
        "admin/auth": Group.objects.create(name="Editors").pk,
        "admin/django_celery_beat": row.pk,
        "admin/emails/email": email.pk,
        "admin/emails/sendingpace": SendingPace.objects.create(scope="default", level=1).pk,
        "admin/emails/suppression": Suppression.objects.get().pk,
        "admin/jobs/controlentry": ControlEntry.objects.latest("pk").pk,
        "admin/jobs/job": job.pk,
        "admin/tasks": run.pk,
        "admin/users": ada.pk,
    }
    common = {
        "job_id": job.pk,
        "notification_id": notification.pk,
        "kind": "count",
        "template": "welcome",
        "uidb64": link[-3],
        "key": "mail",
        "number": 1,
        "page": 1,
        "content_type_id": 1,
        "app_label": "jobs",
        "anything": "nothing/",
    }
    by_route = {start: {"object_id": key, "id": key, "key": key} for start, key in keys.items()}
    unsubscribe = unsubscribe_url(announcement=announcement, user=ada).split("/")[-2]
    tokens: dict[str, dict[str, object]] = {"confirm/": {"token": link[-2]}, "unsubscribe/": {"token": unsubscribe}}
    return World(ada=ada, parameters={**by_route, **tokens, "": {**common, "object_id": ada.pk, "key": uuid.uuid4()}})


def routes() -> list[str]:
    """Every route that there is, as it is written in the ``urls.py`` files, with what stands before it."""
    return list(dict.fromkeys(_walk(get_resolver(), "")))


def _walk(resolver: URLResolver, before: str) -> Iterator[str]:
    for pattern in resolver.url_patterns:
        written = str(pattern.pattern)
        known = next((short for start, short in _REGULAR_EXPRESSIONS.items() if written.startswith(start)), written)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern, before + written)
        else:
            yield before + known
