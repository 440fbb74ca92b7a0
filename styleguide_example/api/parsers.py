"""What comes in: JSON that every database can keep."""

from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

#: No U+0000 and no half of a surrogate pair: PostgreSQL can store neither.
#: https://www.postgresql.org/docs/current/datatype-json.html
_UNSTORABLE = "A text holds a character that cannot be stored (U+0000, or half of a surrogate pair)."


class StorableJSONParser(JSONParser):
    """JSON that is not too large, not too deep, and can be stored as it is."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """Return what the body says.

        Raises:
            ParseError: when it is no JSON, or cannot be stored.
            django.core.exceptions.RequestDataTooBig: over ``DATA_UPLOAD_MAX_MEMORY_SIZE``, which reading a stream would
                not honour.
        """
        context = dict(parser_context or {})
        if (request := context.get("request")) is not None:
            request.body  # noqa: B018  kept by the request, checked by it, and read from there below
        try:
            data = super().parse(stream, media_type, context)
            _check(data)
        except RecursionError:
            raise ParseError("The JSON is nested too deeply.") from None
        return data


def _check(value: Any) -> None:
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise ParseError(_UNSTORABLE)
    elif isinstance(value, dict):
        for key, inner in value.items():
            _check(key)
            _check(inner)
    elif isinstance(value, list):
        for inner in value:
            _check(inner)
