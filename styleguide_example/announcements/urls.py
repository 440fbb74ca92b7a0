"""Which address leads to which page."""

from django.urls import path

from styleguide_example.announcements import views

app_name = "announcements"

urlpatterns = [path("unsubscribe/<str:token>/", views.UnsubscribeView.as_view(), name="unsubscribe")]
