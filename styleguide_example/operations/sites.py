"""Django's admin with the dashboard on its first page."""

from typing import Any

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_safe

from styleguide_example.operations.dashboard import dashboard_make
from styleguide_example.tasks.views import on_the_viewers_clock


class DashboardAdminSite(AdminSite):
    """The one admin site."""

    index_template = "operations/admin/index.html"

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """Ours first: Django's last one takes everything."""
        return [path("dashboard/", self.admin_view(self.dashboard_view), name="dashboard"), *super().get_urls()]

    @on_the_viewers_clock
    def index(  # type: ignore[override]  # the decorator's type is that of any view
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The dashboard, as far as the person may see it, above Django's list of apps."""
        return super().index(request, {"dashboard": dashboard_make(user=request.user), **(extra_context or {})})

    @method_decorator(require_safe)
    @on_the_viewers_clock
    def dashboard_view(self, request: HttpRequest) -> HttpResponse:
        """The part of the first page that dashboard.js renews."""
        dashboard = dashboard_make(user=request.user)
        if dashboard is None:
            raise PermissionDenied
        return TemplateResponse(request, "operations/_dashboard.html", {"dashboard": dashboard})
