"""The one page that all three have: a person asks for an e-mail, which is written and asked for in one transaction."""

from importlib import import_module

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST


@csrf_exempt
@require_POST
def ask(request: HttpRequest) -> HttpResponse:
    """Answer when the transaction is committed, and what hangs on its commit is done."""
    import_module(settings.FAULTS_ASKING).email_ask(to=request.POST["to"])
    return HttpResponse("It is on its way.")


urlpatterns = [path("faults/ask/", ask)]
