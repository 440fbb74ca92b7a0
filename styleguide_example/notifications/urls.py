"""Which address leads to which page."""

from django.urls import path

from styleguide_example.notifications import views

app_name = "notifications"

urlpatterns = [
    path("", views.NotificationListView.as_view(), name="list"),
    path("read/", views.NotificationMarkAllReadView.as_view(), name="mark-all-read"),
    path("settings/", views.NotificationSettingsView.as_view(), name="settings"),
    path("<int:notification_id>/read/", views.NotificationMarkReadView.as_view(), name="mark-read"),
]
