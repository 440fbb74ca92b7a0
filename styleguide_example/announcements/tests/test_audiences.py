from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from styleguide_example.announcements.audiences import AUDIENCE_CHOICES, AUDIENCES, audience_get
from styleguide_example.announcements.exceptions import AnnouncementAudienceError
from styleguide_example.announcements.services import announcement_audience_count
from styleguide_example.announcements.tests.factories import AnnouncementFactory, announcement_begun, people_make
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import UserFactory, user_confirmed, user_onboarded, user_staff

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def people() -> None:
    """One of each, and those who may never be written to."""
    UserFactory.create(email="unconfirmed@example.com")
    user_confirmed(email="confirmed@example.com")
    user_onboarded(email="onboarded@example.com")
    user_staff(email="staff@example.com")
    user_onboarded(email="closed@example.com", is_active=False, is_staff=True)
    user_confirmed(email="old@example.com", created_at=datetime(2020, 5, 17, 12, tzinfo=UTC))


def _names(name: str, **parameters: object) -> set[str]:
    people = audience_get(name).people(parameters, as_of=timezone.now())
    return {person.email.partition("@")[0] for person in people}


class TestAudiences:
    @pytest.mark.parametrize(
        ("name", "parameters", "names"),
        [
            ("everyone", {}, {"confirmed", "onboarded", "staff", "old"}),
            ("onboarded", {}, {"onboarded"}),
            ("not-onboarded", {}, {"confirmed", "staff", "old"}),
            ("staff", {}, {"staff"}),
            ("joined-since", {"since": "2020-05-18"}, {"confirmed", "onboarded", "staff"}),
            ("joined-since", {"since": "2020-05-17"}, {"confirmed", "onboarded", "staff", "old"}),
        ],
    )
    def test_are_those_whom_their_names_say(self, name: str, parameters: dict[str, object], names: set[str]) -> None:
        assert _names(name, **parameters) == names

    def test_are_as_they_were_at_the_moment(self) -> None:
        before = timezone.now()
        User.objects.filter(email="confirmed@example.com").update(onboarding_completed_at=before + timedelta(hours=1))
        User.objects.filter(email="staff@example.com").update(email_confirmed_at=before + timedelta(hours=1))
        onboarded = audience_get("onboarded").people({}, as_of=before)
        others = audience_get("not-onboarded").people({}, as_of=before)
        assert {person.email for person in onboarded} == {"onboarded@example.com"}
        assert {person.email for person in others} == {"confirmed@example.com", "old@example.com"}

    def test_can_all_be_chosen_by_a_label(self) -> None:
        assert [name for name, _ in AUDIENCE_CHOICES] == list(AUDIENCES)
        assert all(label for _, label in AUDIENCE_CHOICES)

    def test_keep_their_parameters_as_plain_json(self) -> None:
        rule = audience_get("joined-since")
        assert rule.parameters_checked({"since": date(2026, 11, 1)}) == {"since": "2026-11-01"}
        with pytest.raises(ValidationError):
            rule.parameters_checked({"since": "2026-11-01", "until": "2026-11-02"})

    def test_refuse_a_name_that_is_not_there(self) -> None:
        with pytest.raises(AnnouncementAudienceError):
            audience_get("world")


class TestAnnouncementAudienceCount:
    def test_counts_those_of_now_and_of_one_that_is_being_sent_those_of_then(self) -> None:
        draft, sending = AnnouncementFactory.create(), announcement_begun()
        people_make(2)
        assert announcement_audience_count(announcement=draft) == 6
        assert announcement_audience_count(announcement=sending) == 4
