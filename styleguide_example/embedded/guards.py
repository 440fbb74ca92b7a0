"""What stands before each page of the mailbox."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache


def development_only(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """The page exists only with ``DEBUG``, however the app came to be installed, and no copy of it is kept."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not settings.DEBUG:
            raise Http404
        return view(request, *args, **kwargs)

    return never_cache(guarded)
