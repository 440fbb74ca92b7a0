"""``manage.py email_status``."""

import json
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from pytest_django import DjangoAssertNumQueries

from styleguide_example.emails.enums import FailureKind, Phase
from styleguide_example.emails.models import Email, EmailAttempt
from styleguide_example.emails.tests.factories import email_asked_for, email_ended

pytestmark = [pytest.mark.once, pytest.mark.django_db]

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
REPLY = "451 4.7.1 Try again later, " + "please, " * 12 + "thank you"


@pytest.fixture
def tried() -> Email:
    """One that failed once and waits."""
    email = email_asked_for(to=["ada@example.com"], bcc=["b@example.com"])
    EmailAttempt.objects.create(
        email=email,
        number=1,
        kind=FailureKind.TRANSIENT,
        phase=Phase.ENVELOPE,
        error=REPLY,
        smtp_code=451,
        smtp_reply=REPLY,
        worker="worker@host",
        ended_at=NOON,
    )
    Email.objects.filter(pk=email.pk).update(attempts=1, last_error=REPLY)
    return email


def _run(*words: str) -> str:
    output = StringIO()
    call_command("email_status", *words, stdout=output, no_color=True)
    return output.getvalue()


class TestText:
    def test_tells_its_life(self, tried: Email, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
        with django_assert_max_num_queries(3):
            lines = _run(str(tried.pk)).splitlines()
        assert lines[0].startswith(f"E-mail {tried.pk}: ")
        assert "  To         ada@example.com" in lines
        assert "  Bcc        b@example.com" in lines
        assert any("Attempt 1 failed" in line for line in lines)
        assert any("451 4.7.1 Try again later" in line for line in lines)
        assert any("expected: " in line for line in lines)
        assert max(map(len, lines)) <= 80

    def test_finds_it_by_its_message_id(self, tried: Email) -> None:
        for text in (tried.message_id, tried.message_id.strip("<>")):
            assert _run(text).startswith(f"E-mail {tried.pk}: ")


class TestJson:
    def test_holds_everything_but_the_text(self, tried: Email) -> None:
        document = json.loads(_run(str(tried.pk), "--format", "json"))
        assert (document["id"], document["status"], document["attempts"]) == (tried.pk, "sending", 1)
        (attempt,) = document["failed_attempts"]
        assert (attempt["smtp_code"], attempt["ended_at"]) == (451, "2026-11-20T12:00:00+00:00")
        assert document["sent_at"] is None
        assert "plain_text" not in document


class TestBatch:
    def test_is_counted(self) -> None:
        for status in (Email.Status.SENT, Email.Status.FAILED):
            Email.objects.filter(pk=email_ended(status).pk).update(batch="news")
        assert _run("--batch", "news") == "Batch news: 2 e-mails; 1 sent, 1 failed.\n"
        document = json.loads(_run("--batch", "news", "--format", "json"))
        assert (document["known"], document["sent"], document["waiting"]) == (2, 1, 0)


class TestUnknown:
    @pytest.mark.parametrize("words", [["17"], ["9" * 30], ["<a@b>"], ["--batch", "news"]])
    def test_is_refused(self, words: list[str]) -> None:
        with pytest.raises(CommandError, match="There is no e-mail"):
            _run(*words)

    @pytest.mark.parametrize("words", [[], ["17", "--batch", "news"]])
    def test_needs_one_name(self, words: list[str]) -> None:
        with pytest.raises(CommandError):
            _run(*words)
