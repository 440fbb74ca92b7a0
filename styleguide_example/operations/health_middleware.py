"""Lets probes through: they come every few seconds, without a name, a cookie or TLS."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase
from django.urls import Resolver404, resolve

PREFIX = "/health/"


class HealthMiddleware:
    """Answers ``/health/…`` before anything that could stand in the way, or be filled by it.

    A probe calls a machine by its number, which no ALLOWED_HOSTS can name; a session would ask the database, whose
    absence is to be reported; and the log would hold little else.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer at once, or pass it on."""
        if not request.path_info.startswith(PREFIX):
            return self._get_response(request)
        try:
            view, args, kwargs = resolve(request.path_info)
        except Resolver404:
            return self._get_response(request)
        response: HttpResponseBase = view(request, *args, **kwargs)
        return response
