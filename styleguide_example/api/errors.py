"""One format for every error: problem details, RFC 9457.

A translation from an error to its problem is registered by the error's class, the nearest class wins::

    @problem_of.register
    def _already_active(error: JobAlreadyActiveError) -> Problem:
        return Problem(status=409, name="job-already-active", detail=str(error))

So each app says what its own errors mean over HTTP, and this one knows no domain.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import singledispatch
from http import HTTPStatus
from typing import Any

import structlog
from django.core import exceptions as django_errors
from django.core.signals import got_request_exception
from django.http import Http404, HttpRequest, JsonResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from rest_framework import exceptions as api_errors
from rest_framework.settings import api_settings
from rest_framework.views import set_rollback

from styleguide_example.core.exceptions import ConflictError, TransientError

CONTENT_TYPE = "application/problem+json"
#: A client compares ``type``, so it is the same on every host: a name, not an address.
TYPE = "urn:problem-type:{name}"
#: The seconds after which it makes sense to repeat what failed for now.
TRY_AGAIN_SECONDS = 5

ErrorsByField = dict[str, list[str]]


@dataclass(frozen=True)
class Problem:
    """What a client is told.

    Args:
        status: the HTTP status.
        name: of the type of problem, where a client can act on it; without one the status says it all.
        title: the same for every problem of its type; by default the status in words.
        detail: what happened this time.
        errors: messages by field.
        more: further members, by name.
        headers: of the answer.
    """

    status: int
    name: str = ""
    title: str = ""
    detail: str = ""
    errors: Mapping[str, Sequence[str]] | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def members(self, *, instance: str) -> dict[str, Any]:
        """Return the JSON object. ``instance`` is where it happened."""
        errors = {} if self.errors is None else {"errors": self.errors}
        return {
            "type": TYPE.format(name=self.name) if self.name else "about:blank",
            "title": self.title or HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            **errors,
            **self.more,
        }


def problem_response(problem: Problem, *, request: HttpRequest) -> JsonResponse:
    """Return the answer. It is the same whatever the client accepts: an error that it cannot read helps nobody."""
    members = problem.members(instance=request.path)
    return JsonResponse(members, status=problem.status, content_type=CONTENT_TYPE, headers=dict(problem.headers))


def problem_handler(error: Exception, context: Mapping[str, Any]) -> JsonResponse:
    """Answer any error that rises in a view of the API. Django REST framework calls it.

    What nobody translates is a bug: the client learns nothing but an id to ask us with, in DEBUG too. The log has its
    traceback.
    """
    request: HttpRequest = context["request"]._request
    problem = problem_of(error)
    if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        # Heard by django-structlog, which writes the traceback, and by any other tool that watches for errors.
        got_request_exception.send(sender=type(context.get("view")), request=request)
    set_rollback()
    return problem_response(problem, request=request)


@singledispatch
def problem_of(error: Exception) -> Problem:
    """Return what the client is told of ``error``."""
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    return Problem(
        status=500,
        detail="Something went wrong on our side, and we were told.",
        more={"request_id": request_id} if request_id else {},
    )


@problem_of.register
def _conflict(error: ConflictError) -> Problem:
    return Problem(status=409, detail=str(error))


@problem_of.register
def _transient(error: TransientError) -> Problem:
    return Problem(
        status=503,
        detail="This does not work for now. Try again.",
        headers={"Retry-After": str(TRY_AGAIN_SECONDS)},
    )


@problem_of.register
def _api(error: api_errors.APIException) -> Problem:
    return Problem(status=error.status_code, detail=str(error.detail), headers=_headers(error))


@problem_of.register
def _stranger(error: api_errors.NotAuthenticated) -> Problem:
    detail = "Send Authorization: Bearer <token>, or sign in."
    return Problem(status=error.status_code, detail=detail, headers=_headers(error))


@problem_of.register
def _invalid(error: api_errors.ValidationError) -> Problem:
    return invalid(errors_by_field(error.detail))


@problem_of.register
def _model_invalid(error: django_errors.ValidationError) -> Problem:
    return invalid(error.message_dict if hasattr(error, "error_dict") else {_GENERAL: error.messages})


@problem_of.register
def _not_found(error: Http404) -> Problem:
    return Problem(status=404, detail="There is nothing at this address.")  # Django's message names a model


@problem_of.register
def _denied(error: django_errors.PermissionDenied) -> Problem:
    return Problem(status=403, detail="You may not do this.")


@problem_of.register
def _too_large(error: django_errors.RequestDataTooBig) -> Problem:
    return Problem(status=413, detail="The body is too large.")


@problem_of.register(django_errors.BadRequest)
@problem_of.register(django_errors.SuspiciousOperation)
@problem_of.register(MultiPartParserError)
@problem_of.register(UnreadablePostError)
def _bad(error: Exception) -> Problem:
    return Problem(status=400, detail="The request could not be read.")


#: What is wrong with the whole rather than with one field.
_GENERAL = api_settings.NON_FIELD_ERRORS_KEY


def invalid(errors: Mapping[str, Sequence[str]]) -> Problem:
    """Return the problem of input that does not fit, field by field."""
    fields = {name: [str(message) for message in messages] for name, messages in errors.items()}
    return Problem(status=400, name="invalid", title="Invalid input", detail="See errors.", errors=fields)


def errors_by_field(detail: Any) -> ErrorsByField:
    """Return messages by field, nested ones by their path: ``{"recipients.0.email": ["..."]}``."""
    found: ErrorsByField = {}
    for path, message in _walk(detail, ()):
        found.setdefault(".".join(path) or _GENERAL, []).append(message)
    return found


def _walk(detail: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            yield from _walk(inner, (*path, str(name)))
    elif isinstance(detail, list):
        for number, inner in enumerate(detail):
            # A list holds messages, or one dictionary for each of many.
            yield from _walk(inner, (*path, str(number)) if isinstance(inner, Mapping | list) else path)
    else:
        yield path, str(detail)


def _headers(error: api_errors.APIException) -> dict[str, str]:
    """What Django REST framework says in the error's attributes."""
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = str(challenge)
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(wait)
    return headers
