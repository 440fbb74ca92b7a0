from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from styleguide_example.announcements.exceptions import AnnouncementAudienceError, AnnouncementStatusConflictError
from styleguide_example.announcements.fanout import announcement_begin
from styleguide_example.announcements.models import BODY_LENGTH_MAX, Announcement
from styleguide_example.announcements.services import (
    announcement_create,
    announcement_delete,
    announcement_update,
)
from styleguide_example.announcements.tests.factories import (
    AnnouncementFactory,
    announcement_begun,
    people_make,
    sender_make,
)
from styleguide_example.common.tests.racing import race
from styleguide_example.emails.tests.test_email_create import BREAKS


@pytest.mark.django_db
class TestAnnouncementCreate:
    def test_saves_a_draft(self) -> None:
        sender = sender_make()
        announcement = announcement_create(
            subject="News",
            body="*Hello*",
            audience="joined-since",
            audience_parameters={"since": "2026-11-01"},
            created_by=sender,
        )
        saved = Announcement.objects.get(pk=announcement.pk)
        assert (saved.subject, saved.body, saved.audience) == ("News", "*Hello*", "joined-since")
        assert saved.audience_parameters == {"since": "2026-11-01"}
        assert (saved.created_by, saved.status, saved.job) == (sender, Announcement.Status.DRAFT, None)
        assert saved.is_editable

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"subject": ""}, "subject"),
            ({"subject": "x" * 201}, "subject"),
            ({"body": ""}, "body"),
            ({"body": "x" * (BODY_LENGTH_MAX + 1)}, "body"),
            ({"body": "a\x00b"}, "body"),
            ({"audience": ""}, "audience"),
            ({"audience": "joined-since"}, "since"),
            ({"audience": "joined-since", "audience_parameters": {"since": "yesterday"}}, "since"),
            ({"audience_parameters": {"since": "2026-11-01"}}, "since"),
        ],
    )
    def test_refuses_what_is_not_valid_and_names_the_field(self, fields: dict[str, Any], field: str) -> None:
        with pytest.raises(ValidationError) as caught:
            AnnouncementFactory.create(**fields)
        assert list(caught.value.message_dict) == [field]
        assert not Announcement.objects.exists()

    def test_refuses_an_audience_that_is_not_there(self) -> None:
        with pytest.raises(AnnouncementAudienceError, match="no audience called 'world'"):
            AnnouncementFactory.create(audience="world")

    @pytest.mark.parametrize("end", BREAKS)
    def test_refuses_a_subject_that_would_break_in_two(self, end: str) -> None:
        with pytest.raises(ValidationError):
            AnnouncementFactory.create(subject=f"News{end}Bcc: eve@example.org")


@pytest.mark.django_db
class TestAnnouncementUpdate:
    def test_changes_a_draft_and_ignores_other_keys(self) -> None:
        announcement = AnnouncementFactory.create()
        data = {"subject": "Other", "audience": "staff", "written": 7, "cursor": 7}
        changed = announcement_update(announcement=announcement, data=data)
        assert (changed.subject, changed.audience, changed.written, changed.cursor) == ("Other", "staff", 0, 0)

    def test_checks_what_it_saves(self) -> None:
        announcement = AnnouncementFactory.create()
        with pytest.raises(ValidationError):
            announcement_update(announcement=announcement, data={"subject": "a\nb"})
        with pytest.raises(ValidationError):
            announcement_update(announcement=announcement, data={"audience": "joined-since"})
        announcement.refresh_from_db()
        assert announcement.subject == "New this month"

    def test_is_refused_once_the_sending_began_also_to_one_who_read_it_before(self) -> None:
        people_make(1)
        announcement = announcement_begun()
        as_it_was = Announcement(pk=announcement.pk, subject="New", body="New", audience="everyone")
        with pytest.raises(AnnouncementStatusConflictError, match="cannot change any more"):
            announcement_update(announcement=as_it_was, data={"subject": "Other"})
        announcement.refresh_from_db()
        assert announcement.subject == "New this month"


@pytest.mark.django_db
class TestAnnouncementDelete:
    def test_deletes_a_draft(self) -> None:
        announcement_delete(announcement=AnnouncementFactory.create())
        assert not Announcement.objects.exists()

    def test_keeps_what_was_sent(self) -> None:
        people_make(1)
        announcement = announcement_begun()
        with pytest.raises(AnnouncementStatusConflictError):
            announcement_delete(announcement=announcement)
        assert Announcement.objects.exists()


@pytest.mark.django_db(transaction=True)
class TestAnnouncementUpdateAtOnce:
    def test_with_the_begin_either_changes_what_is_sent_or_is_refused(self) -> None:
        people_make(3)
        announcement = AnnouncementFactory.create(audience="staff")
        people_make(1, start=10, is_staff=True)

        def both(number: int) -> str:
            row = Announcement.objects.get(pk=announcement.pk)
            try:
                if number:
                    announcement_update(announcement=row, data={"audience": "everyone"})
                else:
                    announcement_begin(row)
            except AnnouncementStatusConflictError:
                return "refused"
            return "done"

        outcome = race(both, runners=2)
        announcement.refresh_from_db()
        assert announcement.audience_total == {"everyone": 4, "staff": 1}[announcement.audience]
        assert outcome[0] == "done"


@pytest.mark.django_db(transaction=True)
class TestAnnouncementDeleteAtOnce:
    def test_with_the_begin_leaves_one_that_began(self) -> None:
        people_make(1)
        announcement = AnnouncementFactory.create()

        stale = Announcement.objects.get(pk=announcement.pk)

        def begin() -> bool:
            try:
                return announcement_begin(stale)
            finally:
                connection.close()

        with ThreadPoolExecutor(1) as pool:
            begun: list[Future[bool]] = []

            def begins(execute: Any, sql: str, *rest: Any) -> Any:
                answer = execute(sql, *rest)
                if sql.startswith("SELECT") and not begun:  # the draft was found; somebody sends it now
                    begun.append(pool.submit(begin))
                    wait(begun, timeout=0.5)
                return answer

            try:
                with connection.execute_wrapper(begins):
                    announcement_delete(announcement=announcement)
            except AnnouncementStatusConflictError:
                assert begun[0].result()
            else:
                with pytest.raises(AnnouncementStatusConflictError, match="is gone"):
                    begun[0].result()
            assert Announcement.objects.exists() is (begun[0].exception() is None)
