"""What a machine asks for by HTTP."""

import secrets
from http import HTTPStatus

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache

from styleguide_example.operations.metrics import metrics_text


@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """The figures for Prometheus, for whoever sends ``METRICS_TOKEN``. Without that setting there is no such page."""
    if not settings.METRICS_TOKEN:
        raise Http404
    sent = request.headers.get("Authorization", "").encode()
    if not secrets.compare_digest(sent, f"Bearer {settings.METRICS_TOKEN}".encode()):
        return HttpResponse(
            "Send METRICS_TOKEN: Authorization: Bearer …\n",
            status=HTTPStatus.UNAUTHORIZED,
            content_type="text/plain; charset=utf-8",
            headers={"WWW-Authenticate": "Bearer"},
        )
    text, content_type = metrics_text(accept=request.headers.get("Accept", ""))
    return HttpResponse(text, content_type=content_type)
