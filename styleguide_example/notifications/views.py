"""Pages: what the person who is signed in was told. Somebody else's is as unknown as one that never was."""

from datetime import UTC, datetime
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse, reverse_lazy
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.generic import FormView, ListView

from styleguide_example.common.paginators import CappedPaginator
from styleguide_example.notifications.forms import NotificationSettingsForm
from styleguide_example.notifications.models import Notification
from styleguide_example.notifications.selectors import (
    notification_get_for,
    notification_list,
    notification_settings_get,
)
from styleguide_example.notifications.services import (
    notification_mark_read,
    notification_settings_save,
    notifications_mark_all_read,
)


@method_decorator(never_cache, name="dispatch")
class NotificationListView(LoginRequiredMixin, ListView[Notification]):
    """What I was told, the newest first."""

    template_name = "notifications/list.html"
    context_object_name = "notifications"
    paginate_by = 20
    paginator_class = CappedPaginator

    def get_queryset(self) -> QuerySet[Notification]:
        """Mine alone."""
        return notification_list(user_id=_person_id(self.request))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With the settings, and until when "all" reaches: what comes while somebody reads stays unread."""
        chosen = notification_settings_get(user_id=_person_id(self.request))
        form = NotificationSettingsForm(instance=chosen)
        return super().get_context_data(settings_form=form, shown_at=timezone.now().isoformat(), **kwargs)


class NotificationMarkReadView(LoginRequiredMixin, View):
    """Marks one as read."""

    http_method_names = ("post", "options")
    redirect_field_name = None  # nobody can be led back to a form that was sent

    def post(self, request: HttpRequest, notification_id: int) -> HttpResponse:
        """And goes back to the page of the list that it was on."""
        notification = notification_get_for(user_id=_person_id(request), notification_id=notification_id)
        if notification is None:
            raise Http404
        notification_mark_read(notification=notification)
        return _back(request)


class NotificationMarkAllReadView(LoginRequiredMixin, View):
    """Marks as read what was there when the list was shown."""

    http_method_names = ("post", "options")
    redirect_field_name = None

    def post(self, request: HttpRequest) -> HttpResponse:
        """And goes back to the list."""
        notifications_mark_all_read(user_id=_person_id(request), until=_moment(request.POST.get("until", "")))
        messages.success(request, _("All marked as read."))
        return _back(request)


@method_decorator(never_cache, name="dispatch")
class NotificationSettingsView(LoginRequiredMixin, FormView):  # type: ignore[type-arg]  # a generic in the stubs only
    """For what I want an e-mail. The form is shown below the list."""

    http_method_names = ("post", "options")
    redirect_field_name = None
    form_class = NotificationSettingsForm
    success_url = reverse_lazy("notifications:list")

    def form_valid(self, form: NotificationSettingsForm) -> HttpResponse:
        """Save, and say so."""
        notification_settings_save(user_id=_person_id(self.request), data=form.cleaned_data)
        messages.success(self.request, _("Saved what we write to you about."))
        return super().form_valid(form)


def _person_id(request: HttpRequest) -> int:
    """``LoginRequiredMixin`` has made sure that somebody is signed in."""
    return cast("int", request.user.pk)


def _moment(text: str) -> datetime | None:
    """None for what is no moment, or one that no database knows: year 1 in the east begins in year 0 of UTC."""
    try:
        moment = parse_datetime(text)
        return None if moment is None or timezone.is_naive(moment) else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _back(request: HttpRequest) -> HttpResponse:
    page = request.POST.get("page", "")
    # A number and nothing else becomes part of the address.
    return redirect(reverse("notifications:list") + (f"?page={page}" if page.isdecimal() and page != "1" else ""))
