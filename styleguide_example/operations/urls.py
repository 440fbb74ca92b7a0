"""Addresses for machines: health and figures."""

from django.urls import path

from styleguide_example.operations import health_views, views

app_name = "operations"

urlpatterns = [
    path("metrics", views.metrics, name="metrics"),
    path("health/live", health_views.live, name="health-live"),
    path("health/ready", health_views.ready, name="health-ready"),
]
