"""The Content-Security-Policy of every answer: our pages run our own files, and nothing that somebody wrote into them.

Django 6.0 brings a middleware that reads this very setting; then this file goes.
https://docs.djangoproject.com/en/6.0/ref/csp/
"""

from collections.abc import Callable
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

HEADER = "Content-Security-Policy"
_DJANGOS_OWN_IN_DEBUG = {HTTPStatus.NOT_FOUND, HTTPStatus.INTERNAL_SERVER_ERROR}


class ContentSecurityPolicyMiddleware:
    """Writes ``SECURE_CSP`` into each answer that brings no policy of its own.

    In DEBUG not into those in which Django explains an error: they hold their own style and script.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response
        self._policy = "; ".join(
            f"{directive} {' '.join(sources)}" for directive, sources in settings.SECURE_CSP.items()
        )

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, with the header."""
        response = self._get_response(request)
        if not (settings.DEBUG and response.status_code in _DJANGOS_OWN_IN_DEBUG):
            response.headers.setdefault(HEADER, self._policy)
        return response
