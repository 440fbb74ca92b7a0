"""What belongs to no app: the schema's page, an address that is not there, and errors before any view was reached."""

from http import HTTPStatus
from typing import Any, NoReturn

from django.contrib.auth import get_user
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase
from django.views import defaults
from drf_spectacular.utils import OpenApiResponse, extend_schema
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.exceptions import NotAuthenticated, NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from styleguide_example.api.authentication import SessionAuthentication
from styleguide_example.api.errors import Problem, problem_of, problem_response
from styleguide_example.api.links import api_links

_PREFIX = "/api/"


class DocsView(SpectacularSwaggerSplitView):
    """The schema as a page, for people who are signed in. It runs scripts of ours alone, and none within the page."""

    authentication_classes = [SessionAuthentication]
    url_name = "api:schema"
    template_name = "api/docs.html"

    def handle_exception(self, exc: Exception) -> Any:
        """Lead somebody who is not signed in to where they can do that."""
        if isinstance(exc, NotAuthenticated) and not get_user(self.request._request).is_authenticated:
            return redirect_to_login(self.request.get_full_path())
        return super().handle_exception(exc)


class IndexApi(APIView):
    """The way in."""

    @extend_schema(
        operation_id="index",
        summary="See where to go from here",
        responses=OpenApiResponse({"type": "object", "additionalProperties": {"type": "string"}}, "Addresses by name."),
    )
    def get(self, request: Request) -> Response:
        """Answer with the addresses by name."""
        return Response(api_links())


class UnknownAddressApi(APIView):
    """Every address under ``/api/`` that is nobody's. Strangers are asked who they are first, as everywhere."""

    schema = None

    def http_method_not_allowed(self, request: Any, *args: Any, **kwargs: Any) -> NoReturn:
        """Say so, whatever the method is.

        Raises:
            NotFound: always.
        """
        hint = "" if request.path.endswith("/") else " Our addresses end with a slash."
        raise NotFound(f"There is nothing at this address.{hint}")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer what Django refuses before it looks at the address, as a Host that is not ours."""
    if request.path.startswith(_PREFIX):
        return problem_response(problem_of(exception), request=request)
    return defaults.bad_request(request, exception)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Answer a bug outside a view of the API. Django has logged it."""
    if request.path.startswith(_PREFIX):
        problem = Problem(status=HTTPStatus.INTERNAL_SERVER_ERROR, detail="Something went wrong on our side.")
        return problem_response(problem, request=request)
    return defaults.server_error(request)
