"""Pages for those who get announcements: leaving, and coming back."""

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from styleguide_example.announcements.exceptions import UnsubscribeLinkError
from styleguide_example.announcements.unsubscribing import is_unsubscribed, resubscribe, unsubscribe


# Without a CSRF token, because mail providers post here for their users (RFC 8058 3.2): what allows it is the signature
# in the address, which whoever forges a request would have to know. Needs no session, answers without a redirect.
@method_decorator([csrf_exempt, never_cache], name="dispatch")
class UnsubscribeView(View):
    """GET shows a page and changes nothing, because scanners of mail follow links. POST unsubscribes, or undoes it."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer a link that is not ours with one page, whatever is wrong with it."""
        try:
            response = super().dispatch(request, *args, **kwargs)
        except UnsubscribeLinkError:
            response = render(request, "announcements/link_unknown.html", status=HTTPStatus.NOT_FOUND)
        # The address is a key: it must not end in a search engine, nor travel to the site that is visited next.
        response.headers["X-Robots-Tag"] = "noindex"
        # Not `no-referrer`: the button to sign out at the top of the page would be refused (users/views.py says why).
        response.headers["Referrer-Policy"] = "same-origin"
        return response

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        """Ask, or say that it is done."""
        return _page(request, unsubscribed=is_unsubscribed(token=token))

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        """Do what was asked for, once or any number of times."""
        if "resubscribe" in request.POST:
            resubscribe(token=token)
            return _page(request, unsubscribed=False, came_back=True)
        if request.POST.get("List-Unsubscribe") != "One-Click":
            return _page(request, unsubscribed=is_unsubscribed(token=token), status=HTTPStatus.BAD_REQUEST)
        unsubscribe(token=token)
        return _page(request, unsubscribed=True)


def _page(
    request: HttpRequest, *, unsubscribed: bool, came_back: bool = False, status: HTTPStatus = HTTPStatus.OK
) -> HttpResponse:
    context = {"unsubscribed": unsubscribed, "came_back": came_back}
    return render(request, "announcements/unsubscribe.html", context, status=status)
