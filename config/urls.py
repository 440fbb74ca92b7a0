"""Which address leads to which app."""

from django.apps import apps
from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("styleguide_example.users.urls")),
    path("jobs/", include("styleguide_example.jobs.page_urls")),
    path("notifications/", include("styleguide_example.notifications.urls")),
    path("", include("styleguide_example.announcements.urls")),
    path("admin/", admin.site.urls),
    path("", include("styleguide_example.operations.urls")),
    path("api/jobs/", include("styleguide_example.jobs.urls")),
    # Last of the API: it answers whatever is left under its address.
    path("api/", include("styleguide_example.api.urls")),
]

# Where no view was reached.
handler400 = "styleguide_example.api.views.bad_request"
handler500 = "styleguide_example.api.views.server_error"

# Development only. Production settings do not install the app, so the address does not exist there.
if apps.is_installed("styleguide_example.embedded"):
    urlpatterns += [path("mailbox/", include("styleguide_example.embedded.urls"))]
