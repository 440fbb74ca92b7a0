"""What somebody does to the mailbox: delete, mark, and order what the next messages get. All by POST."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from styleguide_example.embedded.answers import answer_order, answers_path
from styleguide_example.embedded.forms import OrderForm
from styleguide_example.embedded.guards import development_only
from styleguide_example.embedded.mailbox import caught_delete, caught_keys, caught_mark
from styleguide_example.embedded.pages import answers, directory, list_context, place


@development_only
@require_POST
def delete(request: HttpRequest, key: str) -> HttpResponse:
    """Delete one message."""
    if not caught_delete(directory(), keys=[key]):
        raise Http404("This message is not in the mailbox; it may have been deleted.")
    messages.success(request, "The message was deleted.")
    return _back(request)


@development_only
@require_POST
def delete_all(request: HttpRequest) -> HttpResponse:
    """Delete every message."""
    count = caught_delete(directory(), keys=caught_keys(directory()))
    messages.success(request, _said(count, "deleted"))
    return redirect("embedded:mailbox")


@development_only
@require_POST
def selected(request: HttpRequest) -> HttpResponse:
    """Delete the selected messages, or mark them as read or as unread."""
    keys = request.POST.getlist("key")
    match request.POST.get("do"):
        case "delete":
            messages.success(request, _said(caught_delete(directory(), keys=keys), "deleted"))
        case "read" | "unread" as state:
            count = caught_mark(directory(), keys=keys, seen=state == "read")
            messages.success(request, _said(count, f"marked as {state}"))
        case _:
            raise Http404("There is nothing else to be done with messages.")
    return _back(request)


@development_only
@require_http_methods(["GET", "HEAD", "POST"])
def errors(request: HttpRequest) -> HttpResponse:
    """What the next messages get instead of being taken, and what was given to whom."""
    form = OrderForm(request.POST or None)
    path = answers_path(directory())
    if "off" in request.POST:
        answer_order(path, None)
        messages.success(request, "Switched off: every message is taken again.")
        return redirect("embedded:errors")
    if form.is_valid():
        answer_order(path, form.order())
        return redirect("embedded:errors")
    context = {**list_context(request), "form": form if form.is_bound else OrderForm(), "history": answers().history}
    return render(request, "embedded/errors.html", context)


def _back(request: HttpRequest) -> HttpResponse:
    query = place(request.POST)
    return redirect(reverse("embedded:mailbox") + (f"?{query}" if query else ""))


def _said(count: int, done: str) -> str:
    return f"One message was {done}." if count == 1 else f"{count} messages were {done}."
