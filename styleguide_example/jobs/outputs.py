"""A job as the API shows it, and the addresses in it."""

import uuid
from datetime import UTC
from typing import Any

from django.http import QueryDict
from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from styleguide_example.jobs.enums import JobState
from styleguide_example.jobs.models import Job

#: The states after which a job can be done again.
RETRIED_STATES = (JobState.FAILURE, JobState.REVOKED)


class _Moment(serializers.DateTimeField):
    """In UTC, whatever time zone the person reads our pages in."""

    def __init__(self, **options: Any) -> None:
        super().__init__(default_timezone=UTC, **options)


class ProgressSerializer(serializers.Serializer[Any]):
    """How far a job is. ``total`` is null where nobody knows it; the others where it does not run, or only just."""

    current = serializers.IntegerField()
    total = serializers.IntegerField(allow_null=True)
    message = serializers.CharField(allow_blank=True)
    rate = serializers.FloatField(allow_null=True, help_text="Steps a second.")
    time_left_seconds = serializers.IntegerField(allow_null=True)


class ErrorSerializer(serializers.Serializer[Any]):
    """Why a job did not succeed: the code for programs, the message for people."""

    code = serializers.CharField()
    message = serializers.CharField(allow_blank=True)
    traceback = serializers.CharField(required=False, help_text="For staff alone, of one job alone.")


class ChildrenSerializer(serializers.Serializer[Any]):
    """How many parts of a batch ended, and how."""

    total = serializers.IntegerField()
    done = serializers.IntegerField()
    failed = serializers.IntegerField()
    cancelled = serializers.IntegerField()


class LinksSerializer(serializers.Serializer[Any]):
    """Where to go from a job; null where there is nothing to do."""

    self = serializers.CharField()
    cancel = serializers.CharField(allow_null=True)
    retry = serializers.CharField(allow_null=True)
    parent = serializers.CharField(allow_null=True)  # type: ignore[assignment]  # a field's own attribute
    retry_of = serializers.CharField(allow_null=True)
    children = serializers.CharField(allow_null=True)
    failed_children = serializers.CharField(allow_null=True)


class JobSummarySerializer(serializers.Serializer[Job]):
    """A job in a list: without what may be large."""

    id = serializers.UUIDField()
    kind = serializers.CharField()
    state = serializers.ChoiceField(choices=JobState.choices)
    progress = serializers.SerializerMethodField()
    error = serializers.SerializerMethodField()
    children = serializers.SerializerMethodField()
    attempts = serializers.IntegerField()
    created_at = _Moment()
    started_at = _Moment(allow_null=True)
    finished_at = _Moment(allow_null=True)
    cancel_requested_at = _Moment(allow_null=True)
    links = serializers.SerializerMethodField()

    @extend_schema_field(ProgressSerializer)
    def get_progress(self, job: Job) -> dict[str, Any]:
        """How far it is."""
        return {
            "current": job.progress_current,
            "total": job.progress_total,
            "message": job.progress_message,
            "rate": job.rate,
            "time_left_seconds": None if job.seconds_left is None else round(job.seconds_left),
        }

    @extend_schema_field(ErrorSerializer(allow_null=True))
    def get_error(self, job: Job) -> dict[str, str] | None:
        """What went wrong, or null."""
        return {"code": job.error_code, "message": job.error_message} if job.error_code else None

    @extend_schema_field(ChildrenSerializer(allow_null=True))
    def get_children(self, job: Job) -> dict[str, int] | None:
        """The counts of a batch, or null."""
        if not job.is_batch:
            return None
        return {
            "total": job.children_total,
            "done": job.children_done,
            "failed": job.children_failed,
            "cancelled": job.children_cancelled,
        }

    @extend_schema_field(LinksSerializer)
    def get_links(self, job: Job) -> dict[str, str | None]:
        """Where to go from here."""
        may_retry = job.state in RETRIED_STATES and job.parent_id is None
        return {
            "self": job_address(job.pk),
            "cancel": job_address(job.pk, "cancel") if job.is_active else None,
            "retry": job_address(job.pk, "retry") if may_retry else None,
            "parent": job_address(job.parent_id) if job.parent_id else None,
            "retry_of": job_address(job.retry_of_id) if job.retry_of_id else None,
            "children": list_address(parent=job.pk) if job.is_batch else None,
            "failed_children": list_address(parent=job.pk, state=JobState.FAILURE) if job.children_failed else None,
        }


class JobSerializer(JobSummarySerializer):
    """A job, whole."""

    # `context["is_staff"]`: whether its reader may see the traceback.

    parameters = serializers.DictField()
    result = serializers.SerializerMethodField()

    @extend_schema_field({"description": "What it came to: any JSON, null before it succeeded."})
    def get_result(self, job: Job) -> Any:
        """As it is."""
        return job.result

    @extend_schema_field(ErrorSerializer(allow_null=True))
    def get_error(self, job: Job) -> dict[str, str] | None:
        """What went wrong, or null; with the traceback for staff."""
        error = super().get_error(job)
        if error is not None and job.traceback and self.context.get("is_staff"):
            error["traceback"] = job.traceback
        return error


class KindSerializer(serializers.Serializer[Any]):
    """A kind of job, and what it takes."""

    name = serializers.CharField()
    title = serializers.CharField()
    parameters = serializers.DictField(help_text="JSON Schema of the body that starts one.")
    start = serializers.CharField(help_text="Where to post it.")


def job_address(job_id: uuid.UUID, action: str = "job") -> str:
    """Return where the API has it, or what can be done with it."""
    return reverse(f"jobs-api:{action}", kwargs={"job_id": job_id})


def list_address(**filters: Any) -> str:
    """Return where the API lists such jobs."""
    query = QueryDict(mutable=True)
    query.update({name: str(value) for name, value in filters.items()})
    return f"{reverse('jobs-api:jobs')}?{query.urlencode()}"


def start_address(kind: str) -> str:
    """Return where a job of that kind is started."""
    return reverse("jobs-api:start", kwargs={"kind": kind})
