"""Which address leads to which app."""

from django.apps import apps
from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("styleguide_example.users.urls")),
    path("admin/", admin.site.urls),
]

# Development only. Production settings do not install the app, so the address does not exist there.
if apps.is_installed("styleguide_example.embedded"):
    urlpatterns += [path("mailbox/", include("styleguide_example.embedded.urls"))]
