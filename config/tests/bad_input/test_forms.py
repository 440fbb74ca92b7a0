"""What a person types into our pages."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from config.tests.bad_input.checking import case, nothing_changes, page_of, refused, says
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import PASSWORD, UserFactory, user_confirmed, user_onboarded
from styleguide_example.users.tokens import confirmation_url

pytestmark = [pytest.mark.once, pytest.mark.django_db]

SIGN_UP = reverse("users:sign-up")
SIGN_IN = reverse("users:sign-in")
ONBOARDING = reverse("users:onboarding")
LIKE_THIS = "Enter an e-mail address like name@example.com."
GONE = "The address may be mistyped, or the page is gone."
READABLE = "letters, spaces and punctuation only, on one line"


@pytest.mark.parametrize(
    ("email", "fragment"),
    [
        case("no address", "", "Enter your e-mail address."),
        case("blanks for an address", "   ", "Enter your e-mail address."),
        case("an address without an @", "ada", LIKE_THIS),
        case("an address without a domain", "ada@", LIKE_THIS),
        case("an address without a name", "@example.com", LIKE_THIS),
        case("an address whose domain has no dot", "ada@example", LIKE_THIS),
        case("two addresses", "ada@example.com, bob@example.com", LIKE_THIS),
        case("a name beside the address", "Ada <ada@example.com>", LIKE_THIS),
        case("a blank within the address", "ada lovelace@example.com", LIKE_THIS),
        case("a line break and a header", "a@b.co\r\nBcc: eve@example.com", LIKE_THIS),
        case("a NUL in the address", "ada\0@example.com", "Null characters are not allowed."),
        case("an address of 300 characters", f"{'a' * 288}@example.com", "at most 254 characters (it has 300)"),
        case("quotation marks before the @", '"ada"@example.com', "no quotation marks before the @"),
        case("an accent before the @", "adá@example.com", LIKE_THIS),
        case("an invisible character in the domain", "ada@ex\u00adample.com", "Type it anew"),
    ],
)
def test_sign_up_refuses(client: Client, email: str, fragment: str) -> None:
    with nothing_changes():
        response = client.post(SIGN_UP, {"email": email})
    refused(response, "email", fragment)


@pytest.mark.parametrize(
    ("typed", "field", "fragment"),
    [
        case("no address", {"username": ""}, "username", "Enter your e-mail address."),
        case("no password", {"password": ""}, "password", "Enter your password."),
        case("a wrong password", {"password": "guessed"}, "__all__", "ask for a link to choose a new one"),
        case("an address that is not known", {"username": "bob@example.com"}, "__all__", "Check both"),
        case("a NUL in the address", {"username": "ada\0@example.com"}, "username", "Null characters are not allowed."),
        case("an address of 300 characters", {"username": f"{'a' * 288}@example.com"}, "__all__", "Check both"),
        case("a password of a megabyte", {"password": "x" * 2**20}, "__all__", "Check both"),
        case("an address that was never confirmed", {"username": "new@example.com"}, "__all__", "Check both"),
    ],
)
def test_sign_in_refuses(client: Client, typed: dict[str, str], field: str, fragment: str) -> None:
    user_confirmed(email="ada@example.com")
    UserFactory.create(email="new@example.com")
    with nothing_changes():
        response = client.post(SIGN_IN, {"username": "ada@example.com", "password": PASSWORD, **typed})
    refused(response, field, fragment)
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize(
    ("first", "second", "field", "fragment"),
    [
        case("no password", "", "", "new_password1", "Enter a password."),
        case("the password once", PASSWORD, "", "new_password2", "Enter the same password again."),
        case("two passwords", PASSWORD, f"{PASSWORD}!", "new_password2", "Type the same one twice."),
        case("a short password", "k3#z", "k3#z", "new_password1", "at least 10 characters"),
        case("a password of digits", "8362940172", "8362940172", "new_password1", "entirely numeric"),
        case("a password that everybody uses", "password123", "password123", "new_password1", "too common"),
        case("the address for a password", "ada@example.com", "ada@example.com", "new_password1", "too similar to"),
    ],
)
def test_confirmation_refuses(client: Client, first: str, second: str, field: str, fragment: str) -> None:
    user = UserFactory.create(email="ada@example.com")
    with nothing_changes():
        response = client.post(_path(user), {"new_password1": first, "new_password2": second})
    form = response.context["form"]
    assert field in form.errors
    says(" ".join(form.errors[field]), fragment)
    says(page_of(response), fragment)


@pytest.mark.parametrize(
    "tampering",
    [
        case("a link with a letter more", lambda path: f"{path.rstrip('/')}x/"),
        case("a link without its end", lambda path: f"{path.rstrip('/')[:-3]}/"),
        case("a link of somebody who is not there", lambda path: path.replace("/confirm/", "/confirm/OTk5OTk5", 1)),
        case("a link that is no link", lambda path: "/confirm/x/y/"),
        case("a link with a number beyond every key", lambda path: f"/confirm/{'OTk5' * 9}/a-b/"),
    ],
)
def test_confirmation_answers_with_one_page(client: Client, tampering: Any) -> None:
    path = tampering(_path(UserFactory.create()))
    with nothing_changes():
        responses = [client.get(path), client.post(path, {"new_password1": PASSWORD, "new_password2": PASSWORD})]
    for response in responses:
        assert response.status_code == 410
        says(page_of(response), "link", f'href="{SIGN_UP}"')


@pytest.mark.parametrize(
    ("step", "typed", "field", "fragment"),
    [
        case("no name", 1, {"full_name": ""}, "full_name", "Enter your name"),
        case("a name that is not sent", 1, {}, "full_name", "Enter your name"),
        case("a name of 151 characters", 1, {"full_name": "a" * 151}, "full_name", "at most 150 characters"),
        case("a name of two lines", 1, {"full_name": "Ada\nBcc: eve@example.com"}, "full_name", READABLE),
        case("a name that turns around what is read", 1, {"full_name": "\u202eadA"}, "full_name", READABLE),
        case("a NUL in the name", 1, {"full_name": "A\0da"}, "full_name", "Null characters are not allowed."),
        case("no place", 2, {"time_zone": ""}, "time_zone", "Choose the place nearest to you."),
        case("a place that is nowhere", 2, {"time_zone": "Mars/Olympus"}, "time_zone", "Choose a place from the list."),
        case("a path for a place", 2, {"time_zone": "../../etc/passwd"}, "time_zone", "Choose a place from the list."),
        case("a place that is no text", 2, {"time_zone": "UTC\0"}, "time_zone", "Choose a place from the list."),
    ],
)
def test_onboarding_refuses(client: Client, step: int, typed: dict[str, str], field: str, fragment: str) -> None:
    client.force_login(user_confirmed(full_name="Ada" if step == 2 else ""))
    with nothing_changes():
        response = client.post(f"{ONBOARDING}?step={step}", typed)
    refused(response, field, fragment)


@pytest.mark.parametrize(
    ("method", "path", "status", "fragment"),
    [
        case("a page of notifications that is not there", "get", "/notifications/?page=99", 404, GONE),
        case("a page that is no number", "get", "/notifications/?page=second", 404, GONE),
        case("a notification that is not there", "post", "/notifications/999999/read/", 404, GONE),
        case("a number beyond every key", "post", f"/notifications/{10**30}/read/", 404, GONE),
        case("a job that is not there", "get", "/jobs/00000000-0000-4000-8000-000000000000/", 404, GONE),
        case("a job whose id is garbled", "get", "/jobs/00000000/", 404, GONE),
        case("a page of jobs that is not there", "get", "/jobs/?page=99", 404, GONE),
        case("cancelling what is not there", "post", "/jobs/00000000-0000-4000-8000-000000000000/cancel/", 404, GONE),
        case("retrying what is not there", "post", "/jobs/00000000-0000-4000-8000-000000000000/retry/", 404, GONE),
        case("a link to unsubscribe that is not ours", "post", "/unsubscribe/1.2.x/", 404, "link"),
        case("a link to unsubscribe of huge numbers", "get", f"/unsubscribe/{10**40}.1.x/", 404, "link"),
        case("an address that nobody has", "get", "/nowhere/", 404, GONE),
    ],
)
def test_pages_answer(client: Client, method: str, path: str, status: int, fragment: str) -> None:
    client.force_login(user_onboarded())
    with nothing_changes():
        response = getattr(client, method)(path)
    assert response.status_code == status
    says(page_of(response), fragment)


def _path(user: User) -> str:
    return "/" + confirmation_url(user=user).split("/", 3)[3]
