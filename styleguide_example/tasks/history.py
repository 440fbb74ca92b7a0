"""The runs of all schedules in the admin: to read, to filter, and nothing else."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django_celery_beat.models import PeriodicTask

from styleguide_example.common.paginators import CappedPaginator
from styleguide_example.tasks.columns import SIGNS
from styleguide_example.tasks.enums import RunState
from styleguide_example.tasks.models import ScheduleRun
from styleguide_example.tasks.selectors import run_duration
from styleguide_example.tasks.views import on_the_viewers_clock
from styleguide_example.tasks.words import duration_in_words

#: With more schedules than these, the filter offers the chosen one alone, and the search finds the others.
OFFERED_MAX = 500


class ScheduleFilter(admin.SimpleListFilter):
    """One schedule's runs, by a box to choose from: a thousand links would be longer than the list."""

    title = "schedule"
    parameter_name = "schedule"
    template = "tasks/admin/schedule_filter.html"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The schedules by name."""
        names = list(PeriodicTask.objects.order_by("name").values_list("pk", "name")[: OFFERED_MAX + 1])
        if len(names) > OFFERED_MAX:
            chosen = request.GET.get(self.parameter_name, "")
            names = [(pk, name) for pk, name in names if str(pk) == chosen] or names[:1]
        return [(str(pk), name) for pk, name in names]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Its runs."""
        chosen = self.value()
        if not chosen:
            return queryset
        # Through the schedules, so that a number that no database can hold finds nothing.
        return queryset.filter(periodic_task__in=[key for key, _ in self.lookup_choices if key == chosen])

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """What the box offers, and what else the query string says."""
        others = [(name, value) for name, value in changelist.get_filters_params().items() if name != "schedule"]
        yield {"name": self.parameter_name, "value": self.value(), "options": self.lookup_choices, "others": others}


class ScheduleRunAdmin(admin.ModelAdmin[ScheduleRun]):
    """Rows are written by beat and workers."""

    list_display = ("due", "schedule", "outcome", "took", "trigger", "worker")
    list_filter = ("state", "trigger", ScheduleFilter)
    list_select_related = ("periodic_task",)
    search_fields = ("periodic_task__name__icontains",)
    search_help_text = "A part of the schedule's name"
    ordering = ("-due_at",)
    list_per_page = 100
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # they would count every run
    paginator = CappedPaginator
    actions = None
    changeform_view = on_the_viewers_clock(admin.ModelAdmin.changeform_view)

    class Media:
        css = {"all": ["tasks/schedules.css"]}

    @on_the_viewers_clock
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, under its own name."""
        return super().changelist_view(request, {"title": "Runs of schedules", **(extra_context or {})})

    @admin.display(description="due", ordering="due_at")
    def due(self, run: ScheduleRun) -> str:
        """With its seconds."""
        due_at = timezone.localtime(run.due_at)
        return format_html('<time datetime="{}">{}</time>', run.due_at.isoformat(), f"{due_at:%Y-%m-%d %H:%M:%S}")

    @admin.display(description="schedule", ordering="periodic_task__name")
    def schedule(self, run: ScheduleRun) -> str:
        """Its name."""
        return str(run.periodic_task.name)

    @admin.display(description="outcome", ordering="state")
    def outcome(self, run: ScheduleRun) -> str:
        """A sign and words."""
        state = RunState(run.state)
        return format_html(
            '<span class="runs" aria-hidden="true"><i class="{}">{}</i></span> {}', run.state, SIGNS[state], state.label
        )

    @admin.display(description="took")
    def took(self, run: ScheduleRun) -> str | None:
        """From its first start to its end."""
        duration = run_duration(run)
        return None if duration is None else duration_in_words(duration)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A run is asked for with the action of its schedule."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: ScheduleRun | None = None) -> bool:
        """What was is a fact."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ScheduleRun | None = None) -> bool:
        """The cleanup deletes."""
        return False
