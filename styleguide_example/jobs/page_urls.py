"""Which address leads to which page."""

from django.urls import path

from styleguide_example.jobs import views

app_name = "jobs"

urlpatterns = [
    path("", views.JobListView.as_view(), name="jobs"),
    path("<uuid:job_id>/", views.JobView.as_view(), name="job"),
    path("<uuid:job_id>/progress/", views.JobProgressView.as_view(), name="progress"),
    path("<uuid:job_id>/cancel/", views.JobCancelView.as_view(), name="cancel"),
    path("<uuid:job_id>/retry/", views.JobRetryView.as_view(), name="retry"),
]
