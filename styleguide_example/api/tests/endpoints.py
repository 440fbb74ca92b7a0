"""Addresses that exist for one test: endpoints that succeed, write, wait or fail as the test wants it."""

from collections.abc import Callable
from typing import Any

from django.urls import path, re_path
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from styleguide_example.api.idempotency import idempotent
from styleguide_example.api.models import ApiToken
from styleguide_example.api.pagination import get_paginated_response
from styleguide_example.api.views import UnknownAddressApi

#: What the endpoint does; a test puts its own here.
bodies: dict[str, Callable[[Request], Any]] = {}


class FreeApi(APIView):
    """Does what the test says."""

    def get(self, request: Request) -> Response:
        """Return it."""
        return Response(bodies["get"](request))

    @idempotent
    def post(self, request: Request) -> Response:
        """Return it with the headers of something that was made."""
        return Response(bodies["post"](request), status=201, headers={"Location": "/api/made/", "X-Other": "1"})


class PagedApi(APIView):
    """My tokens, in pages."""

    class OutputSerializer(serializers.Serializer[ApiToken]):
        """Just the key."""

        id = serializers.IntegerField()

    def get(self, request: Request) -> Response:
        """Return a page."""
        mine = ApiToken.objects.filter(user__email=request.user.get_username())
        return get_paginated_response(queryset=mine, serializer=self.OutputSerializer, request=request)


urlpatterns = [
    path("api/free/", FreeApi.as_view()),
    path("api/free/other/", FreeApi.as_view()),
    path("api/paged/", PagedApi.as_view()),
    re_path(r"^api/", UnknownAddressApi.as_view()),
]
handler400 = "styleguide_example.api.views.bad_request"
handler500 = "styleguide_example.api.views.server_error"
