"""The addresses of probes."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_deny
from django.views.decorators.http import require_safe

from styleguide_example.operations.health import health_read


@xframe_options_deny
@never_cache
@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """200: this process answers. Asks nobody, so that no process is killed because its database is away."""
    return JsonResponse({"status": "live"})


@xframe_options_deny
@never_cache
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """200: requests can be served; 503: not now. With ``?strict`` a broker that is away is 503 too."""
    health = health_read()
    is_ready = health.status == "ready" if "strict" in request.GET else health.is_ready
    status = HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE
    return JsonResponse({"status": health.status, "checks": health.checks()}, status=status)
