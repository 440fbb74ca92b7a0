"""The API of jobs: each endpoint reads what came, makes one call, and answers."""

import uuid
from http import HTTPStatus
from typing import Any, NoReturn

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    PolymorphicProxySerializer,
    extend_schema,
)
from rest_framework import serializers
from rest_framework.exceptions import MethodNotAllowed, NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from styleguide_example.api.errors import Problem, errors_by_field, invalid, problem_of
from styleguide_example.api.idempotency import idempotent
from styleguide_example.api.links import api_link
from styleguide_example.api.pagination import PageParameters, get_paginated_response, page_serializer
from styleguide_example.api.schema import ProblemSerializer, serializer_schema
from styleguide_example.jobs import exceptions as errors
from styleguide_example.jobs.dispatch import Options
from styleguide_example.jobs.enums import JobState
from styleguide_example.jobs.filters import JobFilter
from styleguide_example.jobs.kinds import JobKind, job_kind_find, job_kinds
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.outputs import (
    JobSerializer,
    JobSummarySerializer,
    KindSerializer,
    job_address,
    start_address,
)
from styleguide_example.jobs.selectors import job_get_for, job_list
from styleguide_example.jobs.services import job_cancel, job_retry, job_start

#: So often is it worth to ask again while a job is active.
POLL_SECONDS = 2
#: What a list need not read.
LARGE_COLUMNS = ("parameters", "result", "traceback")

_TAGS = ["jobs"]
_LOCATION = OpenApiParameter("Location", str, OpenApiParameter.HEADER, response=[202, 409], description="The job.")
_POLL = OpenApiParameter(
    "Retry-After",
    int,
    OpenApiParameter.HEADER,
    response=[200, 202, 409],
    description="While it is active: seconds until it is worth to ask again.",
)
_CONFLICT = OpenApiResponse(ProblemSerializer, description="The state of things does not allow it.")
_PROBLEM = (409, "application/problem+json")
_NO_STATE = f'"{{input}}" is no state. There are {", ".join(JobState.values)}.'

api_link("jobs", view="jobs-api:jobs")
api_link("kinds", view="jobs-api:kinds")


class JobListApi(APIView):
    """My jobs."""

    class FilterSerializer(PageParameters):
        """What the list can be narrowed to."""

        kind = serializers.CharField(required=False)
        state = serializers.ListField(
            child=serializers.ChoiceField(choices=JobState.choices, error_messages={"invalid_choice": _NO_STATE}),
            required=False,
            help_text="One of these.",
        )
        active = serializers.BooleanField(allow_null=True, default=None, help_text="Waiting or running, or not.")
        parent = serializers.UUIDField(  # type: ignore[assignment]  # a field's own attribute
            required=False, help_text="The parts of this batch instead of the whole ones."
        )
        created_after = serializers.DateTimeField(required=False, help_text="Then or later.")
        created_before = serializers.DateTimeField(required=False, help_text="Earlier than that.")
        last = serializers.BooleanField(default=False, help_text="Only the newest, as one object; 404 without one.")

    @extend_schema(
        operation_id="job_list",
        summary="List my jobs, newest first",
        tags=_TAGS,
        parameters=[FilterSerializer],
        responses=PolymorphicProxySerializer(
            component_name="JobPageOrJob",
            serializers=[page_serializer(JobSummarySerializer, name="JobPage"), JobSerializer],
            resource_type_field_name=None,
            many=False,
        ),
    )
    def get(self, request: Request) -> Response:
        """Answer with a page, or with the newest one."""
        asked = self.FilterSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        filters: dict[str, Any] = asked.validated_data
        jobs = JobFilter(filters, self._jobs(request, filters.get("parent"))).qs
        if filters["last"]:
            return _answer(request, _found(jobs.order_by("-created_at", "-pk").first()))
        return get_paginated_response(
            queryset=jobs.defer(*LARGE_COLUMNS), serializer=JobSummarySerializer, request=request
        )

    @staticmethod
    def _jobs(request: Request, parent_id: uuid.UUID | None) -> QuerySet[Job]:
        if parent_id is None:
            return job_list(owner=request.user)
        return _job(request, parent_id).children.all()


class JobKindListApi(APIView):
    """What I may start."""

    @extend_schema(
        operation_id="job_kind_list",
        summary="List the kinds of jobs that I may start",
        tags=_TAGS,
        responses=KindSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """Answer with name, title and parameters of each."""
        mine = [kind for kind in job_kinds() if kind.may_start(request.user)]
        return Response(KindSerializer([self._described(kind) for kind in mine], many=True).data)

    @staticmethod
    def _described(kind: JobKind) -> dict[str, Any]:
        return {
            "name": kind.name,
            "title": str(kind.title),
            "parameters": {**serializer_schema(kind.parameters), "additionalProperties": False},
            "start": start_address(kind.name),
        }


class JobStartApi(APIView):
    """The way in."""

    @extend_schema(
        operation_id="job_start",
        summary="Start a job",
        description="The body is the parameters of the kind, see `GET /api/jobs/kinds/`. The broker need not be there.",
        tags=_TAGS,
        parameters=[_LOCATION, _POLL],
        request=OpenApiTypes.OBJECT,
        examples=[OpenApiExample("no parameters", value={}, request_only=True)],
        responses={202: JobSerializer, _PROBLEM: _CONFLICT},
    )
    @idempotent
    def post(self, request: Request, kind: str) -> Response:
        """Start it, and answer where it can be followed."""
        parameters = request.data
        if not isinstance(parameters, dict):
            raise ValidationError("Send an object: the parameters by name.")
        job = job_start(kind=kind, parameters=parameters, owner=request.user, options=Options(person_waits=True))
        return _answer(request, job, status=HTTPStatus.ACCEPTED)

    def http_method_not_allowed(self, request: Any, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse another method, after what is no kind: that is the id of a job, mistyped.

        Raises:
            NotFound, MethodNotAllowed: one of them.
        """
        if job_kind_find(kwargs["kind"]) is None:
            raise NotFound("There is no such job.")
        raise MethodNotAllowed(request.method)


class JobApi(APIView):
    """One job of mine."""

    @extend_schema(
        operation_id="job_get",
        summary="Follow a job",
        tags=_TAGS,
        parameters=[_POLL],
        responses=JobSerializer,
    )
    def get(self, request: Request, job_id: uuid.UUID) -> Response:
        """Answer with how it is now."""
        return _answer(request, _job(request, job_id))


class JobCancelApi(APIView):
    """The way out."""

    @extend_schema(
        operation_id="job_cancel",
        summary="Cancel a job",
        description="One that waits never starts, one that runs stops at its next report. Twice is as good as once.",
        tags=_TAGS,
        parameters=[_LOCATION, _POLL],
        request=None,
        responses={202: JobSerializer, _PROBLEM: _CONFLICT},
    )
    @idempotent
    def post(self, request: Request, job_id: uuid.UUID) -> Response:
        """Ask for it to stop."""
        job = job_cancel(job=_job(request, job_id), by=request.user)
        return _answer(request, job, status=HTTPStatus.ACCEPTED)


class JobRetryApi(APIView):
    """Once more."""

    @extend_schema(
        operation_id="job_retry",
        summary="Do a job again that failed or was cancelled",
        tags=_TAGS,
        parameters=[_LOCATION, _POLL],
        request=None,
        responses={202: JobSerializer, _PROBLEM: _CONFLICT},
    )
    @idempotent
    def post(self, request: Request, job_id: uuid.UUID) -> Response:
        """Write a new one, linked to the old one."""
        try:
            job = job_retry(job=_job(request, job_id), by=request.user)
        except errors.JobKindUnknownError as error:  # the job is there, its kind is not any more
            raise errors.JobStateConflictError(str(error)) from error
        return _answer(request, job, status=HTTPStatus.ACCEPTED)


def _job(request: Request, job_id: uuid.UUID) -> Job:
    return _found(job_get_for(owner=request.user, job_id=job_id))


def _found(job: Job | None) -> Job:
    if job is None:
        raise NotFound("You have no such job.")
    return job


def _answer(request: Request, job: Job, *, status: int = HTTPStatus.OK) -> Response:
    headers = {"Cache-Control": "no-store"}
    if status == HTTPStatus.ACCEPTED:
        headers["Location"] = job_address(job.pk)
    if job.is_active:
        headers["Retry-After"] = str(POLL_SECONDS)
    output = JobSerializer(job, context={"is_staff": request.user.is_staff})
    return Response(output.data, status=status, headers=headers)


@problem_of.register
def _kind_unknown(error: errors.JobKindUnknownError) -> Problem:
    return Problem(status=404, detail=str(error))


@problem_of.register
def _not_allowed(error: errors.JobNotAllowedError) -> Problem:
    return Problem(status=403, name="job-not-allowed", title="Not allowed to start this", detail=str(error))


@problem_of.register
def _parameters_invalid(error: errors.JobParametersInvalidError) -> Problem:
    return invalid(errors_by_field(error.errors))


@problem_of.register
def _already_active(error: errors.JobAlreadyActiveError) -> Problem:
    return Problem(
        status=409,
        name="job-already-active",
        title="Another one is under way",
        detail=str(error),
        more={"job_id": str(error.job_id)},
        headers={"Location": job_address(error.job_id), "Retry-After": str(POLL_SECONDS)},
    )


@problem_of.register
def _state_conflict(error: errors.JobStateConflictError) -> Problem:
    return Problem(status=409, name="job-state-conflict", title="Not in this state", detail=str(error))
