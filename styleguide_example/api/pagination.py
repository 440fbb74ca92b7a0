"""Pages of lists that grow at their beginning, newest first.

By the last row seen, not by number: each page costs the same however far in it is, and no row is shown twice or left
out because others came meanwhile. Our own few lines rather than Django REST framework's ``CursorPagination``, because
that goes by the time alone, and the ten thousand parts of a batch share one.
"""

from datetime import datetime
from typing import Any, TypeVar

from django.core import signing
from django.db import models
from django.db.models import Q, QuerySet
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

PAGE_SIZE = 25
PAGE_SIZE_MAX = 100
_SALT = "api-cursor"

M = TypeVar("M", bound=models.Model)


class PageParameters(serializers.Serializer[Any]):
    """What every list takes."""

    cursor = serializers.CharField(required=False, help_text="Taken from `next` of the page before.")
    limit = serializers.IntegerField(
        required=False, default=PAGE_SIZE, min_value=1, max_value=PAGE_SIZE_MAX, help_text="Rows on a page."
    )


def get_paginated_response(
    *, queryset: QuerySet[M], serializer: type[serializers.Serializer[Any]], request: Request, **context: Any
) -> Response:
    """Answer with one page, newest first: ``{"next": <address or null>, "results": [...]}``.

    The model has ``created_at``. One query; the rows of a time in common are ordered by key.

    Raises:
        rest_framework.exceptions.ValidationError: when ``cursor`` or ``limit`` is not valid.
    """
    parameters = PageParameters(data=request.query_params)
    parameters.is_valid(raise_exception=True)
    asked: dict[str, Any] = parameters.validated_data
    rows = queryset.order_by("-created_at", "-pk")
    if "cursor" in asked:
        rows = rows.filter(_after(asked["cursor"], rows.model))
    found = list(rows[: asked["limit"] + 1])
    shown = found[: asked["limit"]]
    more = _next_address(request, shown[-1]) if len(found) > len(shown) else None
    return Response({"next": more, "results": serializer(shown, many=True, context=context).data})


def page_serializer(row: type[serializers.Serializer[Any]], *, name: str) -> serializers.Serializer[Any]:
    """Return the page for the schema."""
    fields = {"next": serializers.CharField(allow_null=True), "results": row(many=True)}
    page: serializers.Serializer[Any] = type(name, (serializers.Serializer,), fields)()
    return page


def _after(cursor: str, model: type[models.Model]) -> Q:
    try:
        moment, key = signing.loads(cursor, salt=_SALT)
    except signing.BadSignature:
        raise ValidationError({"cursor": ["Take it from `next` as it is."]}) from None
    created_at = datetime.fromisoformat(moment)
    # The first condition lets the index begin there; the second leaves out what shares the time and was seen.
    return Q(created_at__lte=created_at) & (Q(created_at__lt=created_at) | Q(pk__lt=model._meta.pk.to_python(key)))


def _next_address(request: Request, last: Any) -> str:
    query = request.query_params.copy()
    query["cursor"] = signing.dumps([last.created_at.isoformat(), str(last.pk)], salt=_SALT)
    return f"{request.path}?{query.urlencode()}"
