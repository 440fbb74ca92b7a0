"""Who looks at the jobs in the admin, and what they read there."""

from html import unescape
from typing import Any

from django.contrib.auth.models import Permission
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from styleguide_example.jobs.models import Job
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import user_confirmed, user_staff

LIST = reverse("admin:jobs_job_changelist")
CONTROLS = reverse("admin:jobs_pause_changelist")
PAUSE = reverse("admin:jobs_pause_pause")
RESUME = reverse("admin:jobs_pause_resume")
PURGE = reverse("admin:jobs_pause_purge")
AUDIT = reverse("admin:jobs_controlentry_changelist")


def staff_make(*permissions: str, email: str = "staff@example.com") -> User:
    """Somebody of the staff who holds these permissions and no other."""
    user = user_staff(email=email)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return User.objects.get(pk=user.pk)


def somebody_else(client: Client, who: str | None) -> int:
    """Sign in who may not see jobs; returns the status that they get for an answer."""
    if who == "not staff":
        client.force_login(user_confirmed())
    if who == "staff without permission":
        client.force_login(staff_make("view_email", "change_user"))
    return 403 if who == "staff without permission" else 302


def page_of(job: Job) -> str:
    return reverse("admin:jobs_job_change", args=[job.pk])


def text_of(response: Any) -> str:
    assert isinstance(response, HttpResponse)
    assert response.status_code == 200
    return " ".join(unescape(response.content.decode()).split())


def act(client: Client, action: str, *jobs: Job, **data: str) -> str:
    """Choose the action in the list and go on to where it leads."""
    posted = {"action": action, "_selected_action": [str(job.pk) for job in jobs], **data}
    return text_of(client.post(f"{LIST}?parts=with", posted, follow=True))
