"""Who looks at the admin, and what they read there."""

from html import unescape
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.http import HttpResponse
from django.urls import reverse
from django_celery_beat.models import PeriodicTask

from styleguide_example.users.models import User

LIST = reverse("admin:django_celery_beat_periodictask_changelist")
ADD = reverse("admin:django_celery_beat_periodictask_add")
DRIFT = reverse("admin:django_celery_beat_periodictask_drift")
DAY = reverse("admin:django_celery_beat_periodictask_day")
PREVIEW = reverse("admin:django_celery_beat_periodictask_preview")
RUNS = reverse("admin:tasks_schedulerun_changelist")


def person_make(*permissions: str, staff: bool = True, time_zone: str = "UTC") -> User:
    user: User = get_user_model().objects.create_user("person@example.com", "correct horse battery staple")
    User.objects.filter(pk=user.pk).update(is_staff=staff, time_zone=time_zone)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return User.objects.get(pk=user.pk)


def page_of(row: PeriodicTask, name: str = "change") -> str:
    return reverse(f"admin:django_celery_beat_periodictask_{name}", args=[row.pk])


def text_of(response: Any) -> str:
    assert isinstance(response, HttpResponse)
    assert response.status_code == 200
    return " ".join(unescape(response.content.decode()).split())


def typed(**changes: Any) -> dict[str, Any]:
    """What a browser sends for a new schedule."""
    left_empty = (
        *("description", "every", "at", "start_time", "expires", "disabled_reason", "disabled_until"),
        *("priority", "queue", "expire_seconds", "grace_seconds"),
    )
    return {
        **dict.fromkeys(left_empty, ""),
        "name": "Sweep",
        "task": "styleguide_example.emails.tasks.email_sweep",
        "kwargs": "{}",
        "kind": "cron",
        "cron_line": "30 3 * * *",
        "time_zone": "Europe/Paris",
        "period": "minutes",
        "enabled": "on",
        "jitter_seconds": "0",
        "overlap": "allow",
        "missed_runs": "run_once",
        **changes,
    }
