"""Pages beside Django's own: the drift, the next 24 hours, the preview. Each is given the admin's context."""

from collections.abc import Callable, Collection, Mapping
from functools import wraps
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.http import HttpRequest, HttpResponse
from django.template.response import SimpleTemplateResponse, TemplateResponse
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from styleguide_example.tasks import services
from styleguide_example.tasks.columns import drift_badges
from styleguide_example.tasks.enums import SyncAction
from styleguide_example.tasks.exceptions import TimetableError
from styleguide_example.tasks.lanes import day_make
from styleguide_example.tasks.merge import Plan, PlanLine
from styleguide_example.tasks.selectors import Schedule, schedule_rows
from styleguide_example.tasks.timetable import TIMETABLE
from styleguide_example.tasks.timing_forms import TimingForm

#: What becomes of a schedule, as a sentence that begins with "The next deploy".
DEPLOY_DOES = {
    SyncAction.CREATED: "creates it",
    SyncAction.CHANGED: "changes it",
    SyncAction.DISABLED: "disables it",
    SyncAction.DELETED: "deletes it",
    SyncAction.UNCHANGED: "leaves it as it is",
}

Context = Mapping[str, Any]
View = Callable[..., HttpResponse]


def on_the_viewers_clock(view: View) -> View:
    """Answer in the time zone of the person who asks, by their profile; ``view`` is a method of an admin."""

    @wraps(view)
    def answer(self: Any, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with timezone.override(_zone(request)):
            response = view(self, request, *args, **kwargs)
            # A template's response is rendered later, when the zone would be another one again.
            return response.render() if isinstance(response, SimpleTemplateResponse) else response

    return answer


def preview_page(request: HttpRequest) -> HttpResponse:
    """The next runs of what the query string says, as a fragment of HTML. Writes nothing."""
    form = TimingForm(request.GET)
    errors = [error for errors in form.errors.values() for error in errors]
    return TemplateResponse(request, "tasks/admin/preview.html", {"preview": form.preview, "errors": errors})


def drift_page(request: HttpRequest, *, context: Context, keys: Collection[int] | None = None) -> HttpResponse:
    """What code said, what it says, what admins made of it and what it will be: the plan of the next deploy.

    With ``keys``, of these schedules alone.
    """
    try:
        plan, problem = services.periodic_tasks_plan(entries=TIMETABLE), ""
    except TimetableError as error:
        plan, problem = Plan(()), str(error)
    rows = PeriodicTask.objects.filter(timetable_entry__isnull=False).select_related("timetable_entry")
    rows_by_name = {row.timetable_entry.name: row for row in rows}
    asked = None if keys is None else {name for name, row in rows_by_name.items() if row.pk in keys}
    lines = [
        {
            "line": line,
            "row": rows_by_name.get(line.name),
            "badges": drift_badges(line),
            "deploy": DEPLOY_DOES[line.action],
        }
        for line in plan.lines
        if (asked is None or line.name in asked) and is_worth_showing(line)
    ]
    data = {**context, "title": "Drift", "lines": lines, "problem": problem, "is_part": keys is not None}
    return TemplateResponse(request, "tasks/admin/drift.html", data)


def day_page(request: HttpRequest, *, context: Context) -> HttpResponse:
    """The next 24 hours. One query."""
    now = timezone.now()
    rows = schedule_rows(PeriodicTask.objects.filter(enabled=True).order_by("name"))
    day = day_make(
        [Schedule(row=row, now=now) for row in rows],
        start=now,
        zone=ZoneInfo(timezone.get_current_timezone_name()),
    )
    return TemplateResponse(request, "tasks/admin/day.html", {**context, "title": "The next 24 hours", "day": day})


def is_worth_showing(line: PlanLine) -> bool:
    """Whether code and database differ, or will."""
    return bool(line.fields or line.note)


def _zone(request: HttpRequest) -> ZoneInfo:
    name = getattr(request.user, "time_zone", "") or timezone.get_default_timezone_name()
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a zone that this machine does not know
        return ZoneInfo("UTC")
