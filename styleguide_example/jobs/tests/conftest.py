"""What the tests of jobs share."""

from collections.abc import Iterator

import pytest

from styleguide_example.jobs import pauses
from styleguide_example.jobs.tests.work import work_known


@pytest.fixture(autouse=True)
def pauses_read_anew() -> Iterator[None]:
    """What a process believes to be paused must not outlive the test in which it was."""
    pauses.paused_names_forget()
    yield
    pauses._Cache.names = frozenset()
    pauses.paused_names_forget()


@pytest.fixture
def kinds() -> Iterator[None]:
    """The kinds of ``work.py`` are known, and so are their tasks."""
    with work_known():
        yield
