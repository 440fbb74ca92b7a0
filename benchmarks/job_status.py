"""``GET /api/jobs/{id}/`` against a plain Django REST framework view of the same row: requests a second, and p99.

``python -m benchmarks.job_status``, on a database that is made for it and dropped afterwards: SQLite in a temporary
directory, or one on the server of ``DATABASE_URL``. Through Django's whole stack in this process (WSGI, middleware,
token, throttle), with no network in between; both views in short rounds that alternate, so that both meet the same
machine.
"""

import benchmarks.prepared  # noqa: F401  sets Django up, before models are imported

# isort: split

import io
import logging
import sys
import time
import uuid
from collections.abc import Callable
from statistics import quantiles
from typing import Any

import structlog
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.test.utils import override_settings
from django.urls import include, path
from rest_framework import generics, serializers

from benchmarks.measuring import database_made, timed
from styleguide_example.api.tokens import token_create
from styleguide_example.jobs.enums import JobState
from styleguide_example.jobs.models import Job

ROUNDS = 40
REQUESTS = 50  # in a round, of each
ROW = "{:<34} {:>8} {:>14} {:>10} {:>10}\n"


class PlainSerializer(serializers.ModelSerializer[Job]):
    """The columns of the row, as the tutorial has them."""

    class Meta:
        model = Job
        fields = (
            *("id", "kind", "parameters", "state", "attempts", "progress_current", "progress_total"),
            *("progress_message", "progress_rate", "result", "error_code", "error_message", "is_batch"),
            *("children_total", "children_done", "children_failed", "children_cancelled"),
            *("created_at", "started_at", "finished_at", "cancel_requested_at", "parent", "retry_of"),
        )


class PlainView(generics.RetrieveAPIView[Job]):
    """With our authentication and throttles, and nothing else of ours."""

    queryset = Job.objects.all()
    serializer_class = PlainSerializer


#: This module is the URLconf.
urlpatterns = [
    path("api/jobs/", include("styleguide_example.jobs.urls")),
    path("plain/<uuid:pk>/", PlainView.as_view()),
]


def main() -> None:
    """Measure, and print a table."""
    with database_made(), override_settings(ROOT_URLCONF="benchmarks.job_status"):
        secret, job = _rows_make()
        plain, ours = (_getter(f"/{place}/{job.pk}/", secret) for place in ("plain", "api/jobs"))
        counts = [timed(get)[1] for get in (plain, ours)]
        times = _alternating(plain, ours)
    sys.stdout.write(f"{connection.display_name}, Python {sys.version.split()[0]}, {ROUNDS * REQUESTS:,} of each\n\n")
    sys.stdout.write(ROW.format("", "queries", "requests a s", "p50", "p99"))
    rates, ends = [], []
    for name, queries, seconds in zip(("a plain view of the row", "GET /api/jobs/{id}/"), counts, times, strict=True):
        percent = quantiles(seconds, n=100)
        rates.append(len(seconds) / sum(seconds))
        ends.append(percent[98])
        cells = [f"{rates[-1]:,.0f}", f"{percent[49] * 1000:.2f} ms", f"{percent[98] * 1000:.2f} ms"]
        sys.stdout.write(ROW.format(name, queries, *cells))
    sys.stdout.write(ROW.format("ratio", "", f"{rates[1] / rates[0]:.2f} x", "", f"{ends[1] / ends[0]:.2f} x"))


def _rows_make() -> tuple[str, Job]:
    """One that runs, among a thousand that have ended."""
    user = get_user_model().objects.create_superuser("ada@example.com", "not used")
    now = user.created_at
    ended = {"state": JobState.SUCCESS, "finished_at": now, "owner": user, "kind": "export", "task": "export"}
    Job.objects.bulk_create(Job(**ended) for _ in range(1000))
    job = Job.objects.create(
        kind="export",
        task="export",
        owner=user,
        state=JobState.PROGRESS,
        started_at=now,
        lease_token=uuid.uuid4(),
        parameters={"table": "people"},
        progress_current=300,
        progress_total=1000,
        progress_message="Row 300",
        progress_rate=12.5,
        progress_at=now,
    )
    return token_create(user=user, name="benchmark", days=1).secret, job


def _getter(address: str, secret: str) -> Callable[[], None]:
    """Return a call of the whole stack that must succeed."""
    application = WSGIHandler()
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": address,
        "HTTP_HOST": "localhost",
        "HTTP_AUTHORIZATION": f"Bearer {secret}",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "wsgi.url_scheme": "http",
        "wsgi.errors": io.StringIO(),
    }

    def get() -> None:
        statuses: list[str] = []

        def start(status: str, headers: Any, error: Any = None, /) -> Any:
            statuses.append(status)

        body: Any = application({**environ, "wsgi.input": io.BytesIO()}, start)
        list(body)
        body.close()
        if statuses != ["200 OK"]:
            raise RuntimeError(f"{address} answered {statuses}.")

    return get


def _alternating(*gets: Callable[[], None]) -> list[list[float]]:
    """Return the seconds of each call; both begin a round in turn."""
    times: list[list[float]] = [[] for _ in gets]
    for number in range(ROUNDS):
        cache.clear()  # nobody reads more than 600 times a minute
        order = list(zip(gets, times, strict=True))
        for get, seconds in order if number % 2 else reversed(order):
            get()  # the first one after the other's round finds cold caches
            for _ in range(REQUESTS):
                began = time.perf_counter()
                get()
                seconds.append(time.perf_counter() - began)
    return times


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    main()
