"""Which address leads to which part of the kit. The apps' own stand before it."""

from django.urls import path, re_path
from drf_spectacular.views import SpectacularJSONAPIView

from styleguide_example.api import views

app_name = "api"

urlpatterns = [
    path("", views.IndexApi.as_view(), name="index"),
    path("schema/", SpectacularJSONAPIView.as_view(), name="schema"),
    path("docs/", views.DocsView.as_view(), name="docs"),
    re_path(r"", views.UnknownAddressApi.as_view(), name="unknown"),
]
