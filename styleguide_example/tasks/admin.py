"""Schedules in Django admin, in the place of django-celery-beat's own pages."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import ModelForm, Script
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import URLPattern, path
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule

from styleguide_example.tasks import columns, services, views
from styleguide_example.tasks.actions import ScheduleActions
from styleguide_example.tasks.forms import ScheduleForm
from styleguide_example.tasks.history import ScheduleRunAdmin
from styleguide_example.tasks.models import ScheduleRun
from styleguide_example.tasks.selectors import schedule_rows, schedules_with_runs
from styleguide_example.tasks.services import schedule_save
from styleguide_example.tasks.views import on_the_viewers_clock

# Their rows are shared by schedules: whoever edits one there changes schedules that they do not see.
for _model in (PeriodicTask, CrontabSchedule, IntervalSchedule, ClockedSchedule, SolarSchedule):
    admin.site.unregister(_model)

_FIELDSETS: Any = [  # the stub's own type is private
    (None, {"fields": ["name", "description", "task", "kwargs", "version"]}),
    ("When", {"fields": ["kind", ("cron_line", "time_zone"), ("every", "period"), "at", ("start_time", "expires")]}),
    ("Enabled", {"fields": ["enabled", ("disabled_reason", "disabled_until")]}),
    (
        "How",
        {
            "fields": [
                *(("priority", "queue"), ("expire_seconds", "jitter_seconds"), "overlap"),
                ("missed_runs", "grace_seconds"),
            ]
        },
    ),
]
#: For those who may look and not touch.
_FACTS: Any = [
    (None, {"fields": ["name", "description", "task", "kwargs", "args"]}),
    ("When", {"fields": ["timing", "start_time", "expires", "enabled"]}),
    ("How", {"fields": ["priority", "queue", "expire_seconds", "policies_in_words"]}),
]


class OwnerFilter(admin.SimpleListFilter):
    """Whose they are."""

    title = "owner"
    parameter_name = "owner"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Code and admins."""
        return [("code", "code"), ("admin", "admins")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """By whether the timetable has an entry of it."""
        if self.value() not in {"code", "admin"}:
            return queryset
        return queryset.filter(timetable_entry__isnull=self.value() == "admin")


class ScheduleAdmin(ScheduleActions):
    """The list, the form, and the way to the pages beside them."""

    form = ScheduleForm
    list_display = ("name_and_badges", "timing", "next_run", "last_runs", "switch")
    list_display_links = None
    list_filter = ("enabled", OwnerFilter)
    search_fields = ("name", "task", "description")
    search_help_text = "A part of the name, the task or the description"
    ordering = ("name",)
    list_per_page = 50
    list_max_show_all = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    change_list_template = "tasks/admin/schedule_list.html"
    change_form_template = "tasks/admin/schedule_form.html"
    delete_confirmation_template = "tasks/admin/schedule_delete.html"
    delete_selected_confirmation_template = "tasks/admin/schedules_delete.html"
    changeform_view = on_the_viewers_clock(ScheduleActions.changeform_view)
    history_view = on_the_viewers_clock(ScheduleActions.history_view)

    class Media:
        css = {"all": ["tasks/schedules.css"]}
        js = [Script("tasks/schedules.js", defer=True)]

    # -- the list --

    @on_the_viewers_clock
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, under its own name."""
        return super().changelist_view(request, {"title": "Schedules", **(extra_context or {})})

    def get_queryset(self, request: HttpRequest) -> QuerySet[PeriodicTask]:
        """With all that a row says."""
        return schedule_rows(super().get_queryset(request))

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        """The page reads what belongs to its rows at once."""
        return columns.ScheduleChangeList

    @admin.display(description="schedule", ordering="name")
    def name_and_badges(self, row: Any) -> str:
        """What it does, and what is worth a look."""
        return columns.cell("name", row, badges=columns.badges(row.shown, row.plan_line))

    @admin.display(description="runs")
    def timing(self, row: Any) -> str:
        """In English, and as a crontab line."""
        return columns.cell("timing", row)

    @admin.display(description="next run")
    def next_run(self, row: Any) -> str:
        """On both clocks."""
        return columns.next_run_cell(row)

    @admin.display(description="last 20 runs")
    def last_runs(self, row: Any) -> str:
        """A dot each, and how long the last one took."""
        return columns.runs_cell(row)

    @admin.display(description="enabled", ordering="enabled")
    def switch(self, row: Any) -> str:
        """A button, for those who may."""
        return columns.cell("switch", row)

    # -- the form --

    def get_fieldsets(self, request: HttpRequest, obj: PeriodicTask | None = None) -> Any:
        """The form, or the facts for those who may only look."""
        may_write = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        return _FIELDSETS if may_write else _FACTS

    def get_form(self, request: HttpRequest, obj: PeriodicTask | None = None, *args: Any, **options: Any) -> Any:
        """Tell the form who types."""
        form: Any = super().get_form(request, obj, *args, **options)
        form.may_reserve = request.user.is_superuser
        return form

    @admin.display(description="policies")
    def policies_in_words(self, row: PeriodicTask) -> str:
        """Those that differ from what is usual are no different here: all."""
        return columns.policies_in_words(row)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        """Add what is known of the schedule: its last runs, its owner, the next deploy."""
        obj = options.get("obj")
        if obj is not None:
            context |= {**columns.facts(schedules_with_runs([obj])[0]), "may_run": self.has_run_permission(request)}
            context["subtitle"] = obj.name
        return super().render_change_form(request, context, *args, **options)

    def save_model(self, request: HttpRequest, obj: PeriodicTask, form: ModelForm[PeriodicTask], change: bool) -> None:  # noqa: FBT001  Django's
        """Save through the services: beat's own columns stay as they are."""
        typed: Any = form
        schedule_save(periodic_task=obj, columns=typed.columns, when=typed.when, policies=typed.policies)
        if not typed.is_switched:
            return
        if typed.disabled is None:
            services.schedule_enable(periodic_task=obj)
        else:
            services.schedule_disable(periodic_task=obj, **typed.disabled)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Say what goes without reading every run; who may delete a schedule may delete its history."""
        rows = list(objs)
        count = ScheduleRun.objects.filter(periodic_task__in=rows).count()
        counts = {"schedules": len(rows), "recorded runs": count}
        return [row.name for row in rows], counts, set(), []

    # -- the pages beside them --

    def get_urls(self) -> list[URLPattern]:
        """Ours first: Django's last one takes everything."""
        pages = [
            ("preview/", self.preview_view, "preview"),
            ("drift/", self.drift_view, "drift"),
            ("next-24-hours/", self.day_view, "day"),
            ("<int:key>/enabled/", self.switch_view, "switch"),
            ("<int:key>/run/", self.run_view, "run"),
        ]
        ours = [
            path(route, self.admin_site.admin_view(view), name=f"django_celery_beat_periodictask_{name}")
            for route, view, name in pages
        ]
        return [*ours, *super().get_urls()]

    @on_the_viewers_clock
    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """The next runs of what is being typed."""
        self._require(self.has_view_permission(request) or self.has_add_permission(request))
        return views.preview_page(request)

    @on_the_viewers_clock
    def drift_view(self, request: HttpRequest) -> HttpResponse:
        """The plan of the next deploy."""
        self._require(self.has_view_permission(request))
        keys = request.GET.get("keys")
        chosen = None if keys is None else {int(key) for key in keys.split(",") if key.isdecimal()}
        return views.drift_page(request, context=self._context(request), keys=chosen)

    @on_the_viewers_clock
    def day_view(self, request: HttpRequest) -> HttpResponse:
        """The next 24 hours."""
        self._require(self.has_view_permission(request))
        return views.day_page(request, context=self._context(request))

    def switch_view(self, request: HttpRequest, key: int) -> HttpResponse:
        """What the switch in the list is for."""
        row = self.get_object(request, str(key))
        self._require(self.has_change_permission(request, row))
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        act = self.enable if request.POST.get("enabled") == "1" else self.disable
        return self._acted(request, act, key)

    def run_view(self, request: HttpRequest, key: int) -> HttpResponse:
        """What the button on its page is for."""
        self._require(self.has_view_permission(request) and self.has_run_permission(request))
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        return self._acted(request, self.run_now, key)

    def _acted(self, request: HttpRequest, act: Any, key: int) -> HttpResponse:
        rows = self.get_queryset(request).filter(pk=key)
        if rows:
            act(request, rows)
        else:
            self.message_user(request, "This schedule was deleted meanwhile.", messages.WARNING)
        return self.response_post_save_change(request, None)

    def _require(self, may: bool) -> None:  # noqa: FBT001
        if not may:
            raise PermissionDenied

    def _context(self, request: HttpRequest) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "opts": self.opts, "media": self.media}


admin.site.register(PeriodicTask, ScheduleAdmin)
admin.site.register(ScheduleRun, ScheduleRunAdmin)
