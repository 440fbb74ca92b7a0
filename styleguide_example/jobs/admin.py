"""Jobs in Django admin: read them, stop them, do them again; pause, resume and purge queues and kinds."""

import uuid
from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import Script
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from styleguide_example.common.paginators import CappedPaginator
from styleguide_example.jobs import columns, control_pages
from styleguide_example.jobs.board_pages import JobBoard
from styleguide_example.jobs.list_filters import EndedFilter, KindFilter, PartFilter, StateFilter, uuid_of
from styleguide_example.jobs.models import ControlEntry, Job, Pause
from styleguide_example.jobs.selectors import kind_title

_FIELDSETS: Any = [  # the stub's own type is private
    ("What was asked for", {"fields": ["kind", "owner", "parameters_shown", "expires_at", "timeout_seconds"]}),
    ("What came of it", {"fields": ["result_shown", "error_code", "attempts", "worker"]}),
    (
        "For engineers",
        {
            "classes": ["collapse"],
            "fields": [
                *("id", "task", "queue", "priority", "once_key", "debounce_key", "chain_id", "chain_position"),
                *("next_attempt_at", "woken_at", "claimed_at", "lease_owner", "lease_expires_at", "heartbeat_at"),
                *("cancel_requested_at", "terminate_requested_at", "updated_at"),
            ],
        },
    ),
]
_TRACEBACK: Any = ("Traceback", {"fields": ["traceback_shown"]})


class _ReadOnlyAdmin(admin.ModelAdmin[Any]):
    """Rows are written by services and changed by actions, never by a form."""

    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # they would count every row
    paginator = CappedPaginator

    class Media:
        css = {"all": ["jobs/progress.css", "jobs/admin/jobs.css"]}

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody writes one here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A form would write back what a worker has changed since the page was opened."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The cleanup deletes."""
        return False

    def has_control_permission(self, request: HttpRequest) -> bool:
        """To pause, resume and purge is one permission."""
        return bool(request.user.has_perm("jobs.control_jobs"))


@admin.register(Job)
class JobAdmin(JobBoard, _ReadOnlyAdmin):
    """The list, and a page for each."""

    list_display = ("state_shown", "kind_shown", "owner", "progress_shown", "created", "duration")
    list_display_links = ("kind_shown",)
    list_filter = (StateFilter, KindFilter, "created_at", EndedFilter, PartFilter)
    list_select_related = ("owner",)
    search_fields = ("id__exact",)
    search_help_text = "The id of a job, or the e-mail address of its owner"
    ordering = ("-created_at", "-pk")
    change_list_template = "jobs/admin/job_list.html"
    change_form_template = "jobs/admin/job.html"

    class Media:
        js = [Script("jobs/progress.js", defer=True)]

    def get_urls(self) -> list[URLPattern]:
        """Ours first: Django's last one takes everything."""
        progress = path(
            "<uuid:key>/progress/", self.admin_site.admin_view(self.progress_view), name="jobs_job_progress"
        )
        return [progress, *super().get_urls()]

    def progress_view(self, request: HttpRequest, key: uuid.UUID) -> HttpResponse:
        """The part of a job's page that progress.js renews."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return TemplateResponse(request, "jobs/_progress.html", {"job": get_object_or_404(Job, pk=key)})

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        """Leave what is long where it is until one job is opened."""
        jobs = super().get_queryset(request)
        is_list = request.resolver_match is not None and request.resolver_match.url_name == "jobs_job_changelist"
        return jobs.defer("parameters", "result", "traceback") if is_list else jobs.select_related("owner", "parent")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Job], search_term: str
    ) -> tuple[QuerySet[Job], bool]:
        """Find by id or by owner, each through an index: nothing else is looked for."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if (key := uuid_of(term)) is not None:
            return queryset.filter(pk=key), False
        people: Any = get_user_model()
        address = {people.USERNAME_FIELD: people.normalize_username(term)}
        return queryset.filter(owner__in=list(people.objects.filter(**address).values_list("pk", flat=True))), False

    def get_fieldsets(self, request: HttpRequest, obj: Job | None = None) -> Any:
        """The traceback where there is one."""
        return [_TRACEBACK, *_FIELDSETS] if obj is not None and obj.traceback else _FIELDSETS

    def get_readonly_fields(self, request: HttpRequest, obj: Job | None = None) -> list[str]:
        """Everything."""
        return [name for _, options in [_TRACEBACK, *_FIELDSETS] for name in options["fields"]]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """With the way to the page of pauses."""
        context = {"title": "Jobs", "may_control": self.has_control_permission(request), **(extra_context or {})}
        return super().changelist_view(request, context)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        """Add how far it is, and what it belongs to."""
        obj = options.get("obj")
        if obj is not None:
            context |= columns.job_facts(obj, failed_page=request.GET.get("failed"))
            context |= {
                "title": context["kind_title"],
                "subtitle": None,
                "may_act": self.has_act_permission(request),
                "may_terminate": self.has_terminate_permission(request),
            }
        return super().render_change_form(request, context, *args, **options)

    @admin.display(description="state", ordering="state")
    def state_shown(self, job: Job) -> str:
        """A sign and a word."""
        return columns.state_cell(job)

    @admin.display(description="kind", ordering="kind")
    def kind_shown(self, job: Job) -> str:
        """Its title."""
        return kind_title(job.kind)

    @admin.display(description="progress")
    def progress_shown(self, job: Job) -> str:
        """A bar."""
        return columns.progress_cell(job)

    @admin.display(description="created", ordering="created_at")
    def created(self, job: Job) -> str:
        """With its seconds."""
        return columns.moment_cell(job.created_at)

    @admin.display(description="took", empty_value="")
    def duration(self, job: Job) -> str:
        """From its first start; with the number of attempts where there were several."""
        return columns.duration_cell(job)

    @admin.display(description="parameters")
    def parameters_shown(self, job: Job) -> str:
        """As JSON."""
        return columns.json_block(job.parameters)

    @admin.display(description="result")
    def result_shown(self, job: Job) -> str:
        """As JSON."""
        return columns.json_block(job.result)

    @admin.display(description="traceback")
    def traceback_shown(self, job: Job) -> str:
        """For staff alone."""
        return columns.text_block(job.traceback)


@admin.register(Pause)
class PauseAdmin(_ReadOnlyAdmin):
    """Its list is the page of all queues and kinds."""

    def has_view_permission(self, request: HttpRequest, obj: Pause | None = None) -> bool:
        """Who may do something about it, or see it."""
        return self.has_control_permission(request) or super().has_view_permission(request, obj)

    def get_urls(self) -> list[URLPattern]:
        """The page, and what its buttons are for."""
        view = self.admin_site.admin_view
        return [
            path("", view(self.changelist_view), name="jobs_pause_changelist"),
            path("pause/", view(self.act_view), {"action": "pause"}, name="jobs_pause_pause"),
            path("resume/", view(self.act_view), {"action": "resume"}, name="jobs_pause_resume"),
            path("purge/", view(self.purge_view), name="jobs_pause_purge"),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """What waits, runs and is paused."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return control_pages.controls_page(request, context=self._context(request))

    def act_view(self, request: HttpRequest, action: str) -> HttpResponse:
        """Pause or resume."""
        return self._refused(request) or control_pages.control_act(request, action=action)

    def purge_view(self, request: HttpRequest) -> HttpResponse:
        """Ask, then purge."""
        return self._refused(request) or control_pages.purge_page(request, context=self._context(request))

    def _refused(self, request: HttpRequest) -> HttpResponse | None:
        if not self.has_control_permission(request):
            raise PermissionDenied
        return None if request.method == "POST" else HttpResponseNotAllowed(["POST"])

    def _context(self, request: HttpRequest) -> dict[str, Any]:
        may_control = self.has_control_permission(request)
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "may_control": may_control,
        }


@admin.register(ControlEntry)
class ControlEntryAdmin(_ReadOnlyAdmin):
    """What staff did by force."""

    list_display = ("done_at", "action", "target", "count", "done_by", "reason")
    list_filter = ("action",)
    list_select_related = ("done_by",)
    ordering = ("-done_at", "-pk")
    actions = None

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Under its name: there is nothing to select."""
        return super().changelist_view(request, {"title": "Audit entries", **(extra_context or {})})

    def has_view_permission(self, request: HttpRequest, obj: ControlEntry | None = None) -> bool:
        """Whoever may do such things may see what was done."""
        return self.has_control_permission(request) or super().has_view_permission(request, obj)
