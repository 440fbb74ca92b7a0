import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoCaptureOnCommitCallbacks

from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import UserFactory, user_confirmed, user_onboarded
from styleguide_example.users.tests.letters import letters_to

pytestmark = pytest.mark.django_db

ONBOARDING = reverse("users:onboarding")
HOME = reverse("users:home")


def _signed_in(client: Client, user: User) -> User:
    client.force_login(user)
    return user


class TestOnboardingView:
    def test_asks_for_the_name_first(self, client: Client) -> None:
        _signed_in(client, user_confirmed())

        page = client.get(ONBOARDING).content.decode()

        assert "Step 1 of 2" in page
        assert 'name="full_name"' in page

    def test_goes_on_to_the_place_when_the_name_is_saved(self, client: Client) -> None:
        user = _signed_in(client, user_confirmed())

        response = client.post(f"{ONBOARDING}?step=1", {"full_name": "Ada"}, follow=True)

        user.refresh_from_db()
        assert user.full_name == "Ada"
        assert not user.is_onboarded
        page = response.content.decode()
        assert "Step 2 of 2" in page
        assert '<option value="UTC" selected>' in page

    def test_completes_with_the_place_and_sends_the_welcome(
        self, client: Client, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
    ) -> None:
        user = _signed_in(client, user_confirmed(full_name="Ada"))

        with django_capture_on_commit_callbacks(execute=True) as callbacks:
            response = client.post(f"{ONBOARDING}?step=2", {"time_zone": "Europe/London"})

        user.refresh_from_db()
        assert response.headers["Location"] == HOME
        assert (user.time_zone, user.is_onboarded) == ("Europe/London", True)
        assert [email.category for email in letters_to(user.email)] == ["welcome"]
        assert len(callbacks) == 1

    def test_sends_one_welcome_when_the_button_is_pressed_twice(self, client: Client) -> None:
        user = _signed_in(client, user_confirmed(full_name="Ada"))

        for _ in range(2):
            response = client.post(f"{ONBOARDING}?step=2", {"time_zone": "Europe/London"})
            assert response.headers["Location"] == HOME

        assert len(letters_to(user.email)) == 1

    def test_leads_back_to_the_name_and_keeps_it(self, client: Client) -> None:
        user = _signed_in(client, user_confirmed(full_name="Ada"))
        assert f'href="{ONBOARDING}?step=1"' in client.get(ONBOARDING).content.decode()

        assert 'value="Ada"' in client.get(ONBOARDING, {"step": "1"}).content.decode()
        client.post(f"{ONBOARDING}?step=1", {"full_name": "Ada L."})

        user.refresh_from_db()
        assert user.full_name == "Ada L."

    def test_cannot_be_completed_without_a_name(self, client: Client) -> None:
        user = _signed_in(client, user_confirmed())

        response = client.post(f"{ONBOARDING}?step=2", {"time_zone": "Europe/London"})

        user.refresh_from_db()
        assert response.status_code == 200
        assert "Step 1 of 2" in response.content.decode()
        assert not user.is_onboarded

    @pytest.mark.parametrize("name", ["", "   ", "Ada\r\nBcc: eve@example.com", "\u202eadA", "a" * 151])
    def test_explains_what_is_wrong_with_a_name(self, client: Client, name: str) -> None:
        user = _signed_in(client, user_confirmed())

        response = client.post(f"{ONBOARDING}?step=1", {"full_name": name})

        user.refresh_from_db()
        assert 'aria-invalid="true"' in response.content.decode()
        assert user.full_name == ""

    @pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../../etc/passwd", "UTC\x00"])
    def test_explains_what_is_wrong_with_a_place(self, client: Client, zone: str) -> None:
        user = _signed_in(client, user_confirmed(full_name="Ada"))

        response = client.post(f"{ONBOARDING}?step=2", {"time_zone": zone})

        user.refresh_from_db()
        assert 'aria-invalid="true"' in response.content.decode()
        assert not user.is_onboarded

    def test_shows_a_name_as_text(self, client: Client) -> None:
        _signed_in(client, user_confirmed(full_name="<script>alert(1)</script>"))

        page = client.get(ONBOARDING).content.decode()

        assert "<script>" not in page
        assert "&lt;script&gt;" in page

    def test_leaves_other_people_alone(self, client: Client) -> None:
        other = user_confirmed()
        _signed_in(client, user_confirmed())

        client.post(f"{ONBOARDING}?step=1", {"full_name": "Ada", "id": other.pk, "user": other.pk})

        other.refresh_from_db()
        assert other.full_name == ""

    def test_sends_a_stranger_to_sign_in_and_back(self, client: Client) -> None:
        for response in (client.get(ONBOARDING), client.post(ONBOARDING, {"full_name": "Ada"})):
            assert response.headers["Location"] == f"{reverse('users:sign-in')}?next={ONBOARDING}"

    def test_sends_somebody_who_is_done_home(self, client: Client) -> None:
        _signed_in(client, user_onboarded())

        assert client.get(ONBOARDING).headers["Location"] == HOME

    def test_offers_the_link_to_somebody_whose_address_is_not_confirmed(self, client: Client) -> None:
        user = _signed_in(client, UserFactory.create())

        page = client.get(ONBOARDING)

        assert page.status_code == 403
        assert f'name="email" value="{user.email}"' in page.content.decode()
        assert client.post(ONBOARDING, {"full_name": "Ada"}).status_code == 403

    def test_refuses_a_form_that_another_site_sent(self) -> None:
        client = Client(enforce_csrf_checks=True)
        user = _signed_in(client, user_confirmed())

        assert client.post(ONBOARDING, {"full_name": "Ada"}).status_code == 403
        user.refresh_from_db()
        assert user.full_name == ""


class TestHomeView:
    def test_says_that_everything_is_set_and_shows_the_local_time(self, client: Client) -> None:
        user = _signed_in(client, user_onboarded(time_zone="Asia/Tokyo"))

        page = client.get(HOME).content.decode()

        assert "You are set, Ada Lovelace" in page
        assert user.email in page
        assert "Asia/Tokyo" in page

    def test_sends_somebody_who_is_not_done_to_onboarding(self, client: Client) -> None:
        _signed_in(client, user_confirmed())

        assert client.get(HOME).headers["Location"] == ONBOARDING

    def test_sends_a_stranger_to_sign_in(self, client: Client) -> None:
        assert client.get(HOME).headers["Location"] == f"{reverse('users:sign-in')}?next={HOME}"

    def test_is_not_kept_by_the_browser(self, client: Client) -> None:
        _signed_in(client, user_onboarded())

        assert "no-store" in client.get(HOME).headers["Cache-Control"]
