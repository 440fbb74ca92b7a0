import pytest
from django.test import Client
from django.urls import reverse

from styleguide_example.announcements.models import Announcement
from styleguide_example.announcements.tests.factories import announcement_begun, job_held, people_make
from styleguide_example.emails.models import Email
from styleguide_example.emails.tests.admins import page_of, staff_make, text_of
from styleguide_example.emails.tests.factories import EmailFactory

pytestmark = [pytest.mark.once, pytest.mark.django_db]


class TestBatchOrigins:
    @pytest.mark.parametrize("may", [True, False])
    def test_lead_from_an_email_to_its_announcement_and_job(self, client: Client, *, may: bool) -> None:
        people_make(1)
        announcement = announcement_begun()
        Announcement.objects.update(job=job_held(announcement))
        announcement.refresh_from_db()
        email = EmailFactory.create()
        Email.objects.filter(pk=email.pk).update(batch=announcement.batch)
        more = ("view_announcement", "view_job") if may else ()
        client.force_login(staff_make("view_email", *more))

        page = text_of(client.get(page_of(email)))

        assert announcement.subject in page
        for url in (
            reverse("admin:announcements_announcement_progress", args=[announcement.pk]),
            reverse("admin:jobs_job_change", args=[announcement.job_id]),
        ):
            assert (f'href="{url}"' in page) is may

    @pytest.mark.parametrize("batch", ["announcement:", "announcement:x", "announcement:9", "news:7"])
    def test_are_none_for_a_batch_of_something_else_or_of_one_that_is_gone(self, client: Client, batch: str) -> None:
        email = EmailFactory.create()
        Email.objects.filter(pk=email.pk).update(batch=batch)
        client.force_login(staff_make("view_email"))
        assert f"Of the batch <code>{batch}</code>" in text_of(client.get(page_of(email)))
