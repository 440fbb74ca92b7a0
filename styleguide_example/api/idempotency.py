"""``Idempotency-Key``: a POST that a client repeats because it never saw the answer is done once.

https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

import hashlib
import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from styleguide_example.api.errors import Problem, problem_of
from styleguide_example.api.models import IdempotentRequest
from styleguide_example.core.exceptions import ConflictError, TransientError

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
REPEATED_HEADERS = ("Location", "Retry-After", "Cache-Control")

#: The draft writes the key as a string in quotation marks (RFC 9651 3.3.3); many clients leave them away.
_KEY = re.compile(r'(?P<quote>"?)(?P<key>[\x21\x23-\x5b\x5d-\x7e]{1,255})(?P=quote)')

Handler = Callable[..., Response | HttpResponse]


class KeyReusedError(ConflictError):
    """The key came before, with another request."""


class _KeyTakenError(Exception):
    """The key came before."""


@problem_of.register
def _key_reused(error: KeyReusedError) -> Problem:
    title = "The key was used for another request"
    return Problem(status=422, name="idempotency-key-reused", title=title, detail=str(error))


def idempotent(handler: Handler) -> Handler:
    """Decorate ``post`` so that it honours the header. Without the header nothing changes.

    The key's row is written in the transaction of ``handler``: either both are there or neither. A repetition gets the
    first answer with ``Idempotency-Replayed: true``; one that comes while the first is at work waits for it. An error
    is not kept: it has changed nothing, so the repetition is a first attempt.

    Raises:
        KeyReusedError: when the key came with another method, address or body.
    """

    @wraps(handler)
    def handling(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response | HttpResponse:
        key = _key_of(request)
        if key is None:
            return handler(view, request, *args, **kwargs)
        user_id: Any = request.user.pk  # nobody comes here who is not authenticated
        row = IdempotentRequest(user_id=user_id, key=key, fingerprint=_fingerprint(request))
        try:
            with transaction.atomic():
                _reserve(row)
                response = handler(view, request, *args, **kwargs)
                _keep(row, response)
                return response
        except _KeyTakenError:
            return _replay(row)

    handling.is_idempotent = True  # type: ignore[attr-defined]  # the schema documents the header by it
    return handling


def _key_of(request: Request) -> str | None:
    written = request.headers.get(HEADER)
    if written is None:
        return None
    match = _KEY.fullmatch(written)
    if match is None:
        raise ValidationError(
            {HEADER: ["Use 1 to 255 visible ASCII characters without quotation marks or backslashes."]}
        )
    return match["key"]


def _fingerprint(request: Request) -> str:
    plain: HttpRequest = request._request
    # The address is percent-encoded, so no line break can be in it.
    return hashlib.sha256(f"{plain.method} {plain.get_full_path()}\n".encode() + plain.body).hexdigest()


def _reserve(row: IdempotentRequest) -> None:
    """Take the key. Waits for another transaction that has taken it and is not over yet."""
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        raise _KeyTakenError from None


def _keep(row: IdempotentRequest, response: Response | HttpResponse) -> None:
    """Keep a success for the repetition. Of anything else nothing stays, neither the key nor what the handler wrote."""
    if response.status_code >= 300:
        transaction.set_rollback(True)
        return
    body = JSONRenderer().render(response.data).decode() if isinstance(response, Response) else ""
    headers = {name: response.headers[name] for name in REPEATED_HEADERS if name in response.headers}
    IdempotentRequest.objects.filter(pk=row.pk).update(status=response.status_code, body=body, headers=headers)


def _replay(row: IdempotentRequest) -> HttpResponse:
    first = IdempotentRequest.objects.filter(user_id=row.user_id, key=row.key).first()
    if first is None:  # the clean-up took it just now
        raise TransientError(f"The answer to {row.key} is gone.")
    if first.fingerprint != row.fingerprint:
        raise KeyReusedError(f"{HEADER} {row.key} came before with another request. Use a new key for a new request.")
    headers = {**first.headers, REPLAYED: "true"}
    return HttpResponse(first.body, status=first.status, content_type="application/json", headers=headers)
