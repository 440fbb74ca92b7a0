"""``manage.py email_send``."""

import json
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from styleguide_example.common.tests.processes import Queue
from styleguide_example.core.enums import Priority
from styleguide_example.emails.enums import EmailStatus
from styleguide_example.emails.management.commands import email_send
from styleguide_example.emails.models import Email
from styleguide_example.emails.selectors import email_batch_counts
from styleguide_example.emails.services import email_cancel

pytestmark = [pytest.mark.no_services, pytest.mark.django_db]

HELLO = ("--subject", "Hello", "--text", "It works.")
ADA = ("--to", "ada@example.com")
NO_MOMENTS = '{"confirmation_url": "x", "asked_at": 1, "expires_at": 2}'


def _run(*words: str) -> tuple[int, str]:
    output = StringIO()
    try:
        call_command("email_send", *words, stdout=output, no_color=True)
    except SystemExit as ended:
        return int(ended.code or 0), output.getvalue()
    return 0, output.getvalue()


def _refusal(*words: str) -> str:
    with pytest.raises(CommandError) as refused:
        _run(*words)
    assert not Email.objects.exists()
    return str(refused.value)


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """A file with two addresses in it."""
    file = tmp_path / "people.txt"
    file.write_text("# Readers\nada@example.com\n\nBob <bob@example.com>\nADA@example.com\n")
    return file


class TestOne:
    def test_is_written_asked_for_and_named(self, django_capture_on_commit_callbacks: Any, queue: Queue) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            code, said = _run(*ADA, "--to", "bob@example.com", *HELLO)
        email = Email.objects.get()
        assert code == 0
        assert said == f"E-mail {email.pk} is written and asked for: manage.py email_status {email.pk}\n"
        assert (email.status, email.subject, email.plain_text) == (EmailStatus.SENDING, "Hello", "It works.")
        assert email.to == ["ada@example.com", "bob@example.com"]
        assert len(queue) == 1

    def test_takes_all_that_an_e_mail_has(self) -> None:
        words = ["--cc", "c@example.com", "--bcc", "b@example.com", "--reply-to", "r@example.com"]
        words += ["--priority", "high", "--send-after", "2096-12-24T18:00:00+01:00", "--from", "f@example.com"]
        _run(*ADA, *HELLO, *words)
        email = Email.objects.get()
        assert (email.cc, email.bcc, email.reply_to) == (["c@example.com"], ["b@example.com"], ["r@example.com"])
        assert (email.priority, email.from_email) == (Priority.HIGH, "f@example.com")
        assert email.send_after is not None
        assert email.send_after.isoformat() == "2096-12-24T17:00:00+00:00"

    def test_is_rendered_from_a_template_in_a_language(self, tmp_path: Path) -> None:
        (tmp_path / "context.json").write_text('{"name": "Ada", "home_url": "https://app.example.com"}')
        words = ["--template", "welcome", "--context-file", str(tmp_path / "context.json"), "--language", "en"]
        _run(*ADA, *words)
        email = Email.objects.get()
        assert email.category == "welcome"
        assert "https://app.example.com" in email.plain_text

    def test_shows_the_moments_of_its_context(self) -> None:
        context = {"confirmation_url": "x", "asked_at": "2026-11-20T09:30:00Z", "expires_at": "2026-11-23T09:30:00Z"}
        _run(*ADA, "--template", "confirmation", "--context", json.dumps(context), "--language", "en")
        assert "The link works once, for 3\xa0days." in Email.objects.get().plain_text

    def test_is_told_to_a_program_in_json(self) -> None:
        code, said = _run(*ADA, *HELLO, "--format", "json")
        document = json.loads(said)
        assert (code, document["id"], document["status"]) == (0, Email.objects.get().pk, "sending")
        assert document["queued_at"].endswith("+00:00")

    def test_is_written_once_with_a_key(self) -> None:
        for _ in range(2):
            _run(*ADA, *HELLO, "--idempotency-key", "hello")
        assert Email.objects.count() == 1

    def test_exits_by_how_it_ended_when_it_is_waited_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert _run(*ADA, *HELLO, "--wait", "0.01")[0] == email_send.STILL_WAITING
        monkeypatch.setattr(email_send, "_has_ended", lambda email: bool(email_cancel(email=email)))
        code, said = _run(*ADA, *HELLO, "--wait", "0.01")
        assert code == 1
        assert "Cancelled" in said


class TestMany:
    def test_get_one_each_and_once(self, people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(email_send, "CHUNK", 1)
        for _ in range(2):
            code, said = _run("--to-file", str(people), *HELLO, "--batch", "news")
            assert (code, said) == (0, "2 e-mails are written: manage.py email_status --batch news\n")
        assert sorted(email.to[0] for email in Email.objects.all()) == ["Bob <bob@example.com>", "ada@example.com"]
        assert {email.priority for email in Email.objects.all()} == {Priority.LOW}
        assert not Email.objects.filter(idempotency_key__contains="@").exists()

    def test_are_told_to_a_program_in_json(self, people: Path) -> None:
        document = json.loads(_run("--to-file", str(people), *HELLO, "--format", "json")[1])
        assert (document["known"], document["sending"]) == (2, 2)
        assert email_batch_counts(batch=document["batch"]).known == 2

    def test_are_read_from_standard_input_with_a_template(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdin", StringIO("ada@example.com\n"))
        context = '{"name": "Ada", "home_url": "https://app.example.com"}'
        _run("--to-file", "-", "--template", "welcome", "--context", context, "--priority", "normal")
        assert Email.objects.get().category == "welcome"

    def test_are_waited_for(self, people: Path) -> None:
        code, said = _run("--to-file", str(people), *HELLO, "--batch", "news", "--wait", "0.01")
        assert code == email_send.STILL_WAITING
        assert said.splitlines()[-1] == "Batch news: 2 e-mails; 2 sending."

    def test_are_not_written_where_a_line_is_no_address(self, people: Path) -> None:
        people.write_text("ada@example.com\nnobody\n" + "x\n" * 9)
        said = _refusal("--to-file", str(people), *HELLO)
        assert said.startswith("Nothing was written: no address in line 2, line 3,")
        assert "and 5 more of" in said
        assert "nobody" not in said


class TestRefusal:
    @pytest.mark.parametrize(
        ("words", "said"),
        [
            ([*ADA], "Say what to write"),
            ([*ADA, *HELLO, "--template", "welcome"], "leave out --subject"),
            ([*ADA, *HELLO, "--context", "{}"], "for a --template"),
            ([*ADA, "--template", "welcome", "--context", "{"], "The context is not JSON"),
            ([*ADA, "--template", "welcome", "--context", "[]"], "not an object"),
            ([*ADA, "--template", "welcome", "--context", '{"x_at": "soon"}'], "x_at is 'soon'. Write a moment as"),
            ([*ADA, "--template", "confirmation", "--context", NO_MOMENTS], "with this context: AttributeError"),
            ([*ADA, "--template", "welcome", "--context-file", "/nowhere"], "/nowhere cannot be read"),
            ([*ADA, "--template", "welcome", "--context", "{}", "--context-file", "x"], "not both"),
            ([*ADA, "--template", "nothing"], "there is no template emails/nothing"),
            ([*ADA, "--template", "welcome"], "which is not in the context"),
            (["--to", "nobody", *HELLO], "'to' is not valid"),
            ([*ADA, *HELLO, "--server", "nobody"], "There is no mail server 'nobody'"),
            ([*ADA, *HELLO, "--batch", "x"], "--to-file"),
            (["--to-file", "x", *HELLO, "--reply-to", "a@example.com"], "leave out --reply-to"),
            (["--to-file", "/dev/null", *HELLO], "there is no address in /dev/null"),
            ([*HELLO], "--to --to-file is required"),
            ([*ADA, *HELLO, "--send-after", "2026-12-24 18:00"], "with its time zone"),
            ([*ADA, *HELLO, "--wait", "-1"], "not a number of seconds"),
            ([*ADA, *HELLO, "--priority", "reserved"], "invalid choice"),
        ],
    )
    def test_says_what_to_write(self, words: list[str], said: str) -> None:
        assert said in _refusal(*words)
