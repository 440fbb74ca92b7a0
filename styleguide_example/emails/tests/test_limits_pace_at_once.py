"""Many who send at once keep to one rate, and reach it."""

import os
import sys
from collections.abc import Callable, Iterable

import pytest
from pytest_django import Settings

from styleguide_example.common.tests.databases import database_url
from styleguide_example.common.tests.processes import Process, wait_until
from styleguide_example.common.tests.racing import race
from styleguide_example.emails.pace import LATE_SECONDS
from styleguide_example.emails.tests.limits_sender import moments

RATE = 60
SECONDS = 2.0
#: Between two looks at a clock, on a machine that has other things to do.
SLACK_SECONDS = 0.1

pytestmark = pytest.mark.django_db(transaction=True)


def _most_within(seconds: float, sent: list[float]) -> int:
    return max(sum(start <= moment < start + seconds for moment in sent) for start in sent)


def _assert_paced(send: Callable[[], Iterable[list[float]]]) -> None:
    """Each time no more, and in the best of three enough: what a machine that pauses does not send is lost."""
    numbers: list[int] = []
    while len(numbers) < 3 and max(numbers, default=0) < RATE * SECONDS * 0.6:
        sent = sorted(moment for of_one in send() for moment in of_one)
        for seconds in (0.1, 0.5, 1.0):
            most = RATE * (seconds + LATE_SECONDS + SLACK_SECONDS) + 1
            assert _most_within(seconds, sent) <= most, f"within {seconds} s"
        numbers.append(len(sent))
    assert max(numbers) >= RATE * SECONDS * 0.6, "and they do send"


class TestAdmitAtOnce:
    def test_is_one_rate_for_all_threads(self, settings: Settings) -> None:
        settings.EMAIL_LIMITS = {"default": (float(RATE), None)}
        _assert_paced(lambda: race(lambda _: moments(SECONDS), runners=5))

    def test_is_one_rate_for_a_domain(self, settings: Settings) -> None:
        settings.EMAIL_LIMITS = {"default": (1000.0, None), "default/*": (float(RATE), None)}
        _assert_paced(lambda: race(lambda _: moments(SECONDS, "example.org"), runners=3))

    @pytest.mark.processes
    def test_is_one_rate_for_all_processes(self) -> None:
        _assert_paced(_three_processes)


def _three_processes() -> list[list[float]]:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.django.test",
        "DATABASE_URL": database_url(),
        "EMAIL_LIMITS": f"default={RATE}/s",
    }
    command = [sys.executable, "-m", "styleguide_example.emails.tests.limits_sender", str(SECONDS)]
    processes = [Process(command, environment) for _ in range(3)]
    wait_until(lambda: all(process.has_ended for process in processes))
    for process in processes:
        process.kill_group()  # and its output was read to the end

    lines = [line.split() for process in processes for line in process.lines if line.startswith("sent at")]
    assert len(lines) == 3, [process.output for process in processes]
    return [[float(word) for word in words] for _, _, *words in lines]
