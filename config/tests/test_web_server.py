"""What gunicorn is told, as gunicorn reads it."""

import gc
from collections.abc import Iterator

import pytest
from gunicorn.config import Config  # type: ignore[import-untyped]  # there are no stubs

from config import web_server


@pytest.fixture
def thawed() -> Iterator[None]:
    """Nothing stays frozen in the process of the tests."""
    yield
    gc.unfreeze()


class TestPostWorkerInit:
    @pytest.mark.usefixtures("thawed")
    def test_freezes_what_the_start_made(self) -> None:
        told = Config()
        told.set("post_worker_init", web_server.post_worker_init)
        told.post_worker_init(None)
        assert gc.get_freeze_count() > 0
