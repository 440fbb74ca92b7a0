"""The mailbox's addresses; ``config/urls.py`` includes them only where the app is installed."""

from django.urls import path

from styleguide_example.embedded import actions, parts, views

app_name = "embedded"

urlpatterns = [
    path("", views.mailbox, name="mailbox"),
    path("pulse/", views.pulse, name="pulse"),
    path("errors/", actions.errors, name="errors"),
    path("selected/", actions.selected, name="selected"),
    path("delete-all/", actions.delete_all, name="delete-all"),
    path("<str:key>/", views.message, name="message"),
    path("<str:key>/html/", parts.message_html, name="message-html"),
    path("<str:key>/source/", parts.source, name="source"),
    path("<str:key>/attachments/<int:number>/", parts.attachment, name="attachment"),
    path("<str:key>/pictures/<int:number>/", parts.picture, name="picture"),
    path("<str:key>/delete/", actions.delete, name="delete"),
]
