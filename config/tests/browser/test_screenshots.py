"""What ``make screenshots`` needs, without the pictures: a world that can be made, and pages that exist."""

import pytest
from django.urls import resolve

from screenshots.pages import IN_DOCS, SHOTS
from screenshots.world import letters
from screenshots.world.whole import world_make
from styleguide_example.emails.models import Email
from styleguide_example.emails.tests.smtp_server import SMTPServer
from styleguide_example.tasks.models import ScheduleRun
from styleguide_example.tasks.services import periodic_tasks_sync
from styleguide_example.tasks.timetable import TIMETABLE

pytestmark = [pytest.mark.once, pytest.mark.django_db(transaction=True)]


class TestScreenshots:
    def test_show_pages_of_a_world_that_can_be_made(self, smtp: SMTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(letters, "DAYS", 0)
        monkeypatch.setattr(letters, "HOURS", 0)
        periodic_tasks_sync(entries=TIMETABLE)

        places = {**world_make()["places"], "message": "/mailbox/1/"}

        for shot in (*SHOTS, *IN_DOCS):
            assert resolve(shot.address.format_map(places).partition("?")[0].partition("#")[0])
        assert len(smtp.received) == 11
        assert Email.objects.filter(status=Email.Status.FAILED).count() == 4
        assert ScheduleRun.objects.exists()

    def test_have_each_a_name_of_their_own(self) -> None:
        assert len({shot.name for shot in SHOTS}) == len(SHOTS)
