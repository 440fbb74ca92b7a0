"""What a person may do with the schedules that they selected. Each action says what became of each."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from django_celery_beat.models import PeriodicTask

from styleguide_example.core.exceptions import ConflictError
from styleguide_example.tasks import services
from styleguide_example.tasks.enums import SyncAction
from styleguide_example.tasks.merge import PlanLine
from styleguide_example.tasks.timetable import TIMETABLE

#: More would not fit into an address; then all of them are compared.
KEYS_MAX = 200
#: So many names are told one by one.
NAMES_SHOWN = 20
#: Does it, and returns why not where it was not done.
Act = Callable[[PeriodicTask], str | None]


class ScheduleActions(admin.ModelAdmin[PeriodicTask]):
    """One call of a service for each row, an entry in its history, a message where it was refused, and a summary."""

    actions = ("run_now", "enable", "disable", "reset_to_code", "show_drift")

    def has_run_permission(self, request: HttpRequest) -> bool:
        """Running a task is more than seeing it, and may be granted without changing it."""
        return bool(request.user.has_perm("tasks.run_schedule"))

    @admin.action(description="Run now", permissions=["run"])
    def run_now(self, request: HttpRequest, rows: QuerySet[PeriodicTask]) -> None:
        """Run each once, besides its due times."""

        def act(row: PeriodicTask) -> None:
            services.schedule_run_now(periodic_task=row, requested_by=request.user)

        self.act_on_each(request, rows, act, "asked to run now")

    @admin.action(description="Enable", permissions=["change"])
    def enable(self, request: HttpRequest, rows: QuerySet[PeriodicTask]) -> None:
        """Let beat fire them again."""

        def act(row: PeriodicTask) -> str | None:
            done = services.schedule_enable(periodic_task=row)
            return None if done else "it was enabled already."

        self.act_on_each(request, rows, act, "enabled")

    @admin.action(description="Disable (on its page with a reason, and until when)", permissions=["change"])
    def disable(self, request: HttpRequest, rows: QuerySet[PeriodicTask]) -> None:
        """Keep beat from firing them."""

        def act(row: PeriodicTask) -> str | None:
            if not row.enabled:  # the reason that somebody gave stays
                return "it was disabled already."
            services.schedule_disable(periodic_task=row)
            return None

        self.act_on_each(request, rows, act, "disabled")

    @admin.action(description="Reset to code", permissions=["change"])
    def reset_to_code(self, request: HttpRequest, rows: QuerySet[PeriodicTask]) -> None:
        """Drop what admins edited."""
        in_code = {entry.name for entry in TIMETABLE}
        owned = {_name_in_code(row): row for row in rows.select_related("timetable_entry")}
        names = [name for name in owned if name in in_code]
        lines: dict[str | None, PlanLine] = {}
        try:
            plan = services.periodic_tasks_sync(entries=TIMETABLE, reset=True, names=names) if names else None
            lines = {line.name: line for line in plan.lines} if plan else {}
        except ConflictError as error:
            self.message_user(request, str(error), messages.ERROR)
            return

        def act(row: PeriodicTask) -> str | None:
            name = _name_in_code(row)
            if name not in lines:
                return "an admin's own; code does not know it." if name is None else "it is not in the code any more."
            return "it is as in the code." if lines[name].action is SyncAction.UNCHANGED else None

        self.act_on_each(request, rows.select_related("timetable_entry"), act, "reset to code")

    @admin.action(description="Show drift", permissions=["view"])
    def show_drift(self, request: HttpRequest, rows: QuerySet[PeriodicTask]) -> HttpResponseRedirect:
        """Compare with the code."""
        for row in rows.filter(timetable_entry__isnull=True):
            self.message_user(request, f"{row.name}: an admin's own; code does not know it.")
        page = reverse("admin:django_celery_beat_periodictask_drift")
        keys = list(rows.values_list("pk", flat=True))
        if len(keys) > KEYS_MAX:
            return HttpResponseRedirect(page)
        return HttpResponseRedirect(f"{page}?{urlencode({'keys': ','.join(map(str, keys))})}")

    def act_on_each(self, request: HttpRequest, rows: Iterable[PeriodicTask], act: Act, did: str) -> None:
        """Act on each, enter it in its history, and report."""
        done: list[str] = []
        for row in rows:
            try:
                refused = act(row)
            except ConflictError as error:
                self.message_user(request, str(error), messages.WARNING)
                continue
            if refused:
                self.message_user(request, f"{row.name}: {refused}", messages.WARNING)
                continue
            done.append(row.name)
            self.log_change(request, row, f"{did.capitalize()}.")
        if done:
            self.message_user(request, f"{_counted(done)} {did}: {_listed(done)}.", messages.SUCCESS)


def _counted(names: Sequence[str]) -> str:
    return f"{len(names)} schedule{'' if len(names) == 1 else 's'}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(names[:NAMES_SHOWN]) + more


def _name_in_code(row: Any) -> str | None:
    entry = getattr(row, "timetable_entry", None)
    return None if entry is None else str(entry.name)
