"""Many who send at once keep to one rate, and reach it."""

import os
import sys
from collections.abc import Iterable

import pytest
from pytest_django import Settings

from styleguide_example.common.tests.databases import database_url
from styleguide_example.common.tests.processes import Process
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


def _assert_paced(all_sent: Iterable[list[float]]) -> None:
    sent = sorted(moment for of_one in all_sent for moment in of_one)
    for seconds in (0.1, 0.5, 1.0):
        most = RATE * (seconds + LATE_SECONDS + SLACK_SECONDS) + 1
        assert _most_within(seconds, sent) <= most, f"within {seconds} s"
    assert len(sent) >= RATE * SECONDS * 0.6, "and they do send"


class TestAdmitAtOnce:
    def test_is_one_rate_for_all_threads(self, settings: Settings) -> None:
        settings.EMAIL_LIMITS = {"default": (float(RATE), None)}
        _assert_paced(race(lambda _: moments(SECONDS), runners=5))

    def test_is_one_rate_for_a_domain(self, settings: Settings) -> None:
        settings.EMAIL_LIMITS = {"default": (1000.0, None), "default/*": (float(RATE), None)}
        _assert_paced(race(lambda _: moments(SECONDS, "example.org"), runners=3))

    @pytest.mark.processes
    def test_is_one_rate_for_all_processes(self) -> None:
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.django.test",
            "DATABASE_URL": database_url(),
            "EMAIL_LIMITS": f"default={RATE}/s",
        }
        command = [sys.executable, "-m", "styleguide_example.emails.tests.limits_sender", str(SECONDS)]
        processes = [Process(command, environment) for _ in range(3)]
        for process in processes:
            process.wait_for_line("sent at")
            process.kill_group()

        lines = [line.split() for process in processes for line in process.lines if line.startswith("sent at")]
        assert len(lines) == 3
        _assert_paced([float(word) for word in words] for _, _, *words in lines)
