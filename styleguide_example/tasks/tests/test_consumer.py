"""What a message must be to be let in. That a worker lives on: ``config/tests/security/test_foreign_messages.py``."""

import json
from typing import Any

import pytest
from kombu import Message
from pytest_django import Settings

from styleguide_example.common.tests.brokers import messages_take
from styleguide_example.common.tests.processes import Queue
from styleguide_example.emails.tasks import email_send
from styleguide_example.tasks.celery import app as celery_app
from styleguide_example.tasks.consumer import message_problem

HEADERS = {"task": "x", "id": "1"}
CALL = "[[], {}, {}]"


def _message(body: str = CALL, content_type: str = "application/json", **headers: Any) -> Message:
    encoded: dict[str, Any] = {"content_type": content_type, "content_encoding": "utf-8"}
    return Message(body=body, headers={**HEADERS, **headers}, accept={"application/json"}, **encoded)


class TestMessageProblem:
    def test_is_none_of_a_call_of_ours(self, queue: Queue) -> None:
        email_send.apply_async(kwargs={"email_id": 1}, countdown=5, expires=60, time_limit=20, soft_time_limit=10)
        email_send.apply_async(kwargs={"email_id": 1}, headers={"job": "x"}, retries=3)

        messages = messages_take(celery_app)

        assert len(messages) == 2
        for message in messages:
            message.accept = {"application/json"}
            assert message_problem(message) is None

    @pytest.mark.parametrize(
        ("headers", "problem"),
        [
            ({"task": None}, "Its task is not a text"),
            ({"task": ["x"]}, "Its task is not a text"),
            ({"task": "x" * 256}, "Its task is not a text"),
            ({"id": 7}, "Its id is not a text"),
            ({"id": "a\nb"}, "Its id is not a text of one line"),
            ({"id": ""}, "Its id is not a text"),
            ({"eta": 7}, "Its eta is not of the kind"),
            ({"group": []}, "Its group is not of the kind"),
            ({"retries": "7"}, "Its retries is not of the kind"),
            ({"retries": -1}, "Its retries are not a number of attempts"),
            ({"retries": 2**31}, "Its retries are not a number of attempts"),
            ({"timelimit": 7}, "Its timelimit is not of the kind"),
            ({"timelimit": [1]}, "Its timelimit is not two numbers"),
            ({"timelimit": ["1", None]}, "Its timelimit is not two numbers"),
            ({"timelimit": [0, None]}, "Its timelimit is not two numbers"),
            ({"stamped_headers": 7}, "Its stamped_headers is not of the kind"),
            ({"stamps": []}, "Its stamps is not of the kind"),
        ],
    )
    def test_names_the_header(self, headers: dict[str, Any], problem: str) -> None:
        assert str(message_problem(_message(**headers))).startswith(problem)

    @pytest.mark.parametrize("body", ["null", "7", "[]", "{}", "[[], {}]", "[{}, [], {}]", '["", {}, {}]'])
    def test_names_the_body_that_is_no_call(self, body: str) -> None:
        assert message_problem(_message(body)) == "Its body is not [arguments, keyword arguments, options]."

    @pytest.mark.parametrize(
        ("body", "content_type", "error"),
        [
            ("{", "application/json", "DecodeError"),
            (CALL, "application/x-yaml", "ContentDisallowed"),
            (CALL, "application/x-python-serialize", "ContentDisallowed"),
        ],
    )
    def test_names_the_body_that_cannot_be_read(self, body: str, content_type: str, error: str) -> None:
        assert message_problem(_message(body, content_type)) == f"Its body cannot be read: {error}."

    def test_is_the_size_of_what_holds_more_than_a_call_may(self, settings: Settings) -> None:
        settings.JOB_PARAMETERS_MAX_BYTES = 1000
        most = json.dumps([[], {"text": "é" * 500}, {}])  # 1,000 bytes of UTF-8, in ASCII

        assert message_problem(_message(most)) is None
        assert message_problem(_message("x" * 100_000)) == "Its body has more than 68,536 bytes."
