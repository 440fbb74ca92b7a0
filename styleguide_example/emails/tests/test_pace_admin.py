from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from styleguide_example.emails.models import SendingPace
from styleguide_example.emails.tests.admins import staff_make, text_of

pytestmark = [pytest.mark.once, pytest.mark.django_db]

LIST = reverse("admin:emails_sendingpace_changelist")


class TestSendingPaceAdmin:
    def test_says_of_each_scope_how_it_stands_the_slowest_first(self, client: Client) -> None:
        client.force_login(staff_make("view_sendingpace"))
        assert "Nothing slows e-mail down" in text_of(client.get(LIST))
        until = timezone.now() + timedelta(minutes=1)
        SendingPace.objects.create(scope="default")
        SendingPace.objects.create(scope="connect:backup", level=1)
        paused = {"paused_until": until, "rate": 4.5, "reason": "421 slow"}
        SendingPace.objects.create(scope="default/example.org", level=2, **paused)

        page = text_of(client.get(LIST))

        places = [page.index(words) for words in ("Paused</span>", "Slowed down</span>", "Free</span>")]
        assert places == sorted(places)
        for words in ("all of default", "connecting to backup", "example.org at default", "421 slow", "4.5"):
            assert words in page

    def test_is_changed_by_nobody(self, admin_client: Client) -> None:
        pace = SendingPace.objects.create(scope="default", level=1)
        for page in ("change", "delete"):
            url = reverse(f"admin:emails_sendingpace_{page}", args=[pace.pk])
            assert admin_client.post(url, {"scope": "x", "level": 0, "post": "yes"}).status_code == 403
        assert SendingPace.objects.values_list("scope", "level").get() == ("default", 1)
