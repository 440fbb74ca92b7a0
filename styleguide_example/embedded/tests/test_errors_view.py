from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from styleguide_example.embedded.answers import (
    Answer,
    Order,
    Stage,
    answer_order,
    answer_take,
    answers_path,
    answers_read,
)

pytestmark = pytest.mark.once

ERRORS = reverse("embedded:errors")


@pytest.fixture
def path(directory: Path) -> Path:
    return answers_path(directory)


class TestErrorsView:
    def test_orders_what_the_next_messages_get(self, client: Client, path: Path) -> None:
        response = client.post(ERRORS, {"answer": "550", "stage": "rcpt", "count": "3"}, follow=True)

        assert answers_read(path).order == Order(Answer.NEVER, Stage.RCPT, left=3)
        assert "The next 3 messages" in response.text

    def test_orders_until_it_is_switched_off(self, client: Client, path: Path) -> None:
        client.post(ERRORS, {"answer": "cut", "stage": "data", "count": ""})
        assert answers_read(path).order == Order(Answer.CUT, Stage.DATA, left=None)
        assert "Every message" in client.get(reverse("embedded:mailbox")).text

        client.post(ERRORS, {"off": "1"})
        assert answers_read(path).order is None

    @pytest.mark.parametrize("wrong", [{"answer": "999"}, {"stage": ""}, {"count": "0"}, {"count": "many"}])
    def test_says_what_is_wrong_and_orders_nothing(self, client: Client, path: Path, wrong: dict[str, str]) -> None:
        response = client.post(ERRORS, {"answer": "451", "stage": "data", "count": "1", **wrong})

        assert "errorlist" in response.text
        assert answers_read(path).order is None

    def test_lists_what_was_given_and_to_whom(self, client: Client, path: Path) -> None:
        assert "Nothing yet." in client.get(ERRORS).text
        answer_order(path, Order(Answer.LATER, Stage.DATA))
        answer_take(path, stage=Stage.DATA, sender="hello@example.com", recipients=["<ada>@example.com"])

        page = client.get(ERRORS).text

        assert "451: not now</strong>, when all of it has come" in page
        assert "&lt;ada&gt;@example.com" in page

    def test_orders_nothing_by_a_link_or_a_form_of_others(self, client: Client, path: Path) -> None:
        client.get(ERRORS, {"answer": "451", "stage": "data", "count": "1"})
        foreign = Client(enforce_csrf_checks=True).post(ERRORS, {"answer": "451", "stage": "data", "count": "1"})

        assert foreign.status_code == 403
        assert answers_read(path).order is None
