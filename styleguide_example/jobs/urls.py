"""Which address of the API leads to which endpoint of jobs."""

from django.urls import path

from styleguide_example.jobs import apis

app_name = "jobs-api"

urlpatterns = [
    path("", apis.JobListApi.as_view(), name="jobs"),
    path("<uuid:job_id>/", apis.JobApi.as_view(), name="job"),
    path("<uuid:job_id>/cancel/", apis.JobCancelApi.as_view(), name="cancel"),
    path("<uuid:job_id>/retry/", apis.JobRetryApi.as_view(), name="retry"),
    # After the ids, which would fit the last one too. A kind cannot be called `kinds`.
    path("kinds/", apis.JobKindListApi.as_view(), name="kinds"),
    path("<slug:kind>/", apis.JobStartApi.as_view(), name="start"),
]
