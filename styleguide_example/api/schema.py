"""What the OpenAPI schema says beside the endpoints: the errors, the tokens, the Idempotency-Key.

https://drf-spectacular.readthedocs.io/en/latest/customization.html
"""

import json
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ComponentRegistry, build_bearer_security_scheme_object
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.views import APIView

from styleguide_example.api.errors import CONTENT_TYPE

#: What any endpoint may answer, and what one that takes a body may answer besides.
_ANYWHERE = {
    401: "No credentials, or none that are valid.",
    403: "Not allowed, or without the CSRF token.",
    404: "Not there, or not yours.",
    406: "The client accepts no JSON.",
    429: "Too often. `Retry-After` says when to come back.",
    500: "A bug of ours.",
    503: "Not for now. `Retry-After` says when to come back.",
}
_WITH_PARAMETERS = {400: "What was sent does not fit; `errors` says so field by field."}
_WITH_BODY = {**_WITH_PARAMETERS, 413: "The body is too large.", 415: "The body is not JSON."}
_IDEMPOTENT = {422: "The Idempotency-Key was used for another request."}

_KEY_HEADER = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="Any text of your own, new for each request. A repetition is answered as the first one was.",
    # The schema's own check of headers: visible ASCII without quotation marks and backslashes.
    pattern=r"^[!#-\[\]-~]{1,255}$",
)
_REPLAYED_HEADER = OpenApiParameter(
    "Idempotency-Replayed",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    response=[200, 201, 202],
    enum=["true"],
    description="There when this is the first answer once more.",
)


class ProblemSerializer(serializers.Serializer[Any]):
    """An error, as in RFC 9457. Some types have further members."""

    type = serializers.CharField(help_text="The type of problem; `about:blank` where the status says it all.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(allow_blank=True, help_text="What happened this time, for people.")
    instance = serializers.CharField(help_text="Where.")
    errors = serializers.DictField(  # type: ignore[assignment]  # the base class has a property of this name
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="Messages by field; `non_field_errors` are about the whole.",
    )


class ProblemAutoSchema(AutoSchema):
    """The schema of an endpoint, with the errors that the kit answers for it."""

    def get_override_parameters(self) -> list[Any]:
        """Add the header where the endpoint honours it."""
        return [_KEY_HEADER, _REPLAYED_HEADER] if self._is_idempotent() else []

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        for status, description in self._problems().items():
            if str(status) not in bodies:
                body = self._get_response_for_code(  # type: ignore[no-untyped-call]
                    ProblemSerializer, str(status), [CONTENT_TYPE], direction
                )
                bodies[str(status)] = {**body, "description": description}
        return dict(sorted(bodies.items()))

    def _problems(self) -> dict[int, str]:
        problems = dict(_ANYWHERE)
        if self.method == "GET":
            problems |= _WITH_PARAMETERS
        else:
            problems |= _WITH_BODY
        return problems | _IDEMPOTENT if self._is_idempotent() else problems

    def _is_idempotent(self) -> bool:
        return getattr(getattr(self.view, self.method.lower(), None), "is_idempotent", False)


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # registers itself
    """Tells the schema, and its page, how to send a token."""

    target_class = "styleguide_example.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        """Describe the header."""
        definition: dict[str, Any] = build_bearer_security_scheme_object("Authorization", "Bearer")
        return {**definition, "bearerFormat": "opaque"}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # registers itself
    """Tells the schema of the session's cookie."""

    target_class = "styleguide_example.api.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        """Describe the cookie."""
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}


def serializer_schema(serializer: type[serializers.Serializer[Any]] | None) -> dict[str, Any]:
    """Return a serializer's input as JSON Schema that stands for itself, nested ones under ``$defs``."""
    if serializer is None:
        return {"type": "object", "properties": {}, "additionalProperties": False}
    auto = AutoSchema()
    auto.registry, auto.view, auto.method, auto.path = ComponentRegistry(), APIView(request=None), "POST", ""
    schema: dict[str, Any] = auto._map_serializer(serializer, "request")  # type: ignore[no-untyped-call]
    defs = {component.name: component.schema for component in auto.registry._components.values()}
    text = json.dumps({**schema, "$defs": defs} if defs else schema)
    plain: dict[str, Any] = json.loads(text.replace('"#/components/schemas/', '"#/$defs/'))
    return plain
