"""The mailbox's addresses; ``config/urls.py`` includes them only where the app is installed."""

from django.urls import path

from styleguide_example.embedded import views

app_name = "embedded"

urlpatterns = [
    path("", views.mailbox, name="mailbox"),
    path("delete-all/", views.delete_all, name="delete-all"),
    path("<str:key>/", views.message, name="message"),
    path("<str:key>/html/", views.message_html, name="message-html"),
    path("<str:key>/attachments/<int:number>/", views.attachment, name="attachment"),
    path("<str:key>/delete/", views.delete, name="delete"),
]
