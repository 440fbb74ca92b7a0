"""What gunicorn is told, as gunicorn reads it."""

import gc
import logging
from collections.abc import Iterator

import pytest
from gunicorn.config import Config  # type: ignore[import-untyped]  # there are no stubs

from config import web_server


@pytest.fixture
def thawed() -> Iterator[None]:
    """Nothing stays frozen in the process of the tests."""
    yield
    gc.unfreeze()


class TestAccessLog:
    @pytest.mark.parametrize(
        ("path", "status", "is_said"),
        [("/health/ready", "200", False), ("/health/ready", "503", True), ("/", "200", True)],
    )
    def test_leaves_out_probes_that_went_well(self, path: str, status: str, *, is_said: bool) -> None:
        line = logging.makeLogRecord({"args": {"U": path, "s": status}})
        assert web_server.is_no_probe(line) is is_said

    def test_is_filtered_as_gunicorn_is_told(self) -> None:
        (name,) = web_server.logconfig_dict["loggers"]["gunicorn.access"]["filters"]
        assert web_server.logconfig_dict["filters"][name]["()"]() is web_server.is_no_probe


class TestPostWorkerInit:
    @pytest.mark.usefixtures("thawed")
    def test_freezes_what_the_start_made(self) -> None:
        told = Config()
        told.set("post_worker_init", web_server.post_worker_init)
        told.post_worker_init(None)
        assert gc.get_freeze_count() > 0
