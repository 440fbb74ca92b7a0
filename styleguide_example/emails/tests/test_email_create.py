from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings

from styleguide_example.common.tests.processes import Queue
from styleguide_example.common.tests.racing import race
from styleguide_example.core.enums import Priority
from styleguide_example.emails.exceptions import EmailInvalidError
from styleguide_example.emails.models import AttachmentContent, Email
from styleguide_example.emails.services import Attachment, email_cancel, email_create, email_resend
from styleguide_example.emails.tests.factories import EmailFactory

#: What could end a header line, hide in it, or not be stored by PostgreSQL.
BREAKS = ["\n", "\r", "\r\n", "\r\n ", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\x00", "\x7f", "\ud800"]


@pytest.mark.django_db
class TestEmailCreate:
    def test_writes_every_field(self) -> None:
        later = timezone.now() + timedelta(hours=1)
        fields: dict[str, Any] = {
            "to": ["Ada <ada@example.org>", "bob@example.org"],
            "cc": ["cc@example.org"],
            "bcc": ["bcc@example.org"],
            "from_email": "Sender <sender@example.org>",
            "reply_to": ["reply@example.org"],
            "headers": {"X-Campaign": "7"},
            "subject": "Hé",
            "html": "<p>Hé</p>",
            "plain_text": "Hé",
            "category": "greeting",
            "priority": Priority.LOW,
            "send_after": later,
            "expires_at": later + timedelta(hours=1),
            "idempotency_key": "greeting:7",
        }

        email = Email.objects.get(pk=email_create(**fields).pk)

        assert {name: getattr(email, name) for name in fields} == fields

    def test_is_ready_and_nothing_is_sent_before_somebody_asks(self, queue: Queue) -> None:
        email = email_create(to=["ada@example.org"], subject="Hello", plain_text="Hello")

        assert email.status == Email.Status.READY
        assert (email.queued_at, email.next_attempt_at, email.attempts, email.ended_at) == (None, None, 0, None)
        assert email.priority == Priority.NORMAL
        assert len(queue) == 0

    def test_gives_each_a_message_id_of_the_senders_domain(self, settings: Settings) -> None:
        settings.DEFAULT_FROM_EMAIL = "Product <hello@product.example>"
        ids = {EmailFactory.create().message_id for _ in range(10)}
        assert len(ids) == 10
        assert all(id_.startswith("<") and id_.endswith("@product.example>") for id_ in ids)

    def test_is_undone_with_the_callers_transaction(self) -> None:
        with transaction.atomic():
            email_create(
                to=["ada@example.org"], subject="Hello", plain_text="Hello", attachments=[Attachment("a", b"a")]
            )
            transaction.set_rollback(True)
        assert not Email.objects.exists()
        assert not AttachmentContent.objects.exists()


@pytest.mark.django_db
class TestEmailCreateRefuses:
    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            ({"to": []}, "at least one recipient"),
            ({"to": [""]}, "address"),
            ({"to": ["ada"]}, "address"),
            ({"to": ["ada@"]}, "address"),
            ({"to": ["ada@example.org, bob@example.org"]}, "address"),
            ({"to": ["ada@example.org bob@example.org"]}, "address"),
            ({"to": ["Ada <ada@example.org> Bob <bob@example.org>"]}, "address"),
            ({"to": ["ádá@example.org"]}, "address"),
            ({"to": ["x" * 310 + " <ada@example.org>"]}, "address"),
            ({"cc": ["no"]}, "address"),
            ({"bcc": ["no"]}, "address"),
            ({"reply_to": ["no"]}, "address"),
            ({"from_email": "no"}, "address"),
            ({"headers": {"Bcc": "eve@example.org"}}, "field of its own"),
            ({"headers": {"SUBJECT": "x"}}, "field of its own"),
            ({"headers": {"message-id": "<x@y>"}}, "field of its own"),
            ({"headers": {"Content-Type": "text/html"}}, "field of its own"),
            ({"headers": {"": "x"}}, "header name"),
            ({"headers": {"X A": "x"}}, "header name"),
            ({"headers": {"X-A:": "x"}}, "header name"),
            ({"headers": {"X-Ä": "x"}}, "header name"),
            ({"headers": {"X-A": "x" * 998}}, "one line"),
            ({"subject": "x" * 999}, "at most 998"),
            ({"subject": "x" * 998}, "one line"),
            ({"plain_text": "a\x00b"}, "NUL"),
            ({"html": "a\x00b"}, "NUL"),
            ({"category": "x" * 101}, "category"),
            ({"idempotency_key": "x" * 256}, "idempotency_key"),
            ({"attachments": [Attachment("x" * 256, b"")]}, "filename"),
            ({"attachments": [Attachment("", b"")]}, "filename"),
            ({"attachments": [Attachment("a", b"", "nonsense")]}, "content type"),
            ({"attachments": [Attachment("a", b"", "multipart/mixed")]}, "content type"),
            ({"attachments": [Attachment("a", b"", "text/" + "x" * 255)]}, "content type"),
        ],
    )
    def test_what_cannot_be_an_email_and_says_why(self, fields: dict[str, Any], reason: str) -> None:
        with pytest.raises(EmailInvalidError, match=reason):
            EmailFactory.create(**fields)
        assert not Email.objects.exists()

    @pytest.mark.parametrize("end", BREAKS)
    @pytest.mark.parametrize(
        "fields",
        [
            {"subject": "Hello{end}Bcc: eve@example.org"},
            {"to": ["ada@example.org{end}Bcc: eve@example.org"]},
            {"to": ["Ada{end}Bcc: eve@example.org <ada@example.org>"]},
            {"to": ['"Ada{end}Bcc: eve@example.org" <ada@example.org>']},
            {"cc": ['"Ada{end}Bcc: eve@example.org" <ada@example.org>']},
            {"bcc": ['"Ada{end}Bcc: eve@example.org" <ada@example.org>']},
            {"reply_to": ['"Ada{end}Bcc: eve@example.org" <ada@example.org>']},
            {"from_email": '"Ada{end}Bcc: eve@example.org" <ada@example.org>'},
            {"headers": {"X-A": "1{end}Bcc: eve@example.org"}},
            {"headers": {"X-A{end}Bcc": "eve@example.org"}},
            {"attachments": [Attachment("a{end}Bcc: eve@example.org", b"")]},
            {"attachments": [Attachment("a", b"", "text/plain{end}Bcc: eve@example.org")]},
            {"category": "a{end}"},
            {"idempotency_key": "a{end}"},
        ],
        ids=lambda fields: str(next(iter(fields))),
    )
    def test_a_line_that_would_break_in_two(self, fields: dict[str, Any], end: str) -> None:
        with pytest.raises(EmailInvalidError):
            EmailFactory.create(**_filled(fields, end))

    @pytest.mark.parametrize("name", ["subject", "category"])
    def test_no_tab_and_no_space_that_people_type(self, name: str) -> None:
        email = EmailFactory.create(**{name: "a\tb\u00a0c\u200dd 👩‍💻"})
        assert getattr(email, name) == "a\tb\u00a0c\u200dd 👩‍💻"


@pytest.mark.django_db
class TestEmailCreateWithIdempotencyKey:
    def test_returns_the_first_email_and_writes_nothing_a_second_time(self) -> None:
        first = EmailFactory.create(subject="First", idempotency_key="welcome:7", attachments=[Attachment("a", b"a")])
        second = EmailFactory.create(subject="Second", idempotency_key="welcome:7", attachments=[Attachment("b", b"b")])

        assert (second.pk, second.subject) == (first.pk, "First")
        assert Email.objects.count() == 1
        assert [attachment.filename for attachment in first.attachments.all()] == ["a"]
        assert AttachmentContent.objects.count() == 1

    def test_does_so_within_one_transaction_and_leaves_it_usable(self) -> None:
        with transaction.atomic():
            first = EmailFactory.create(idempotency_key="welcome:7")
            second = EmailFactory.create(idempotency_key="welcome:7")
            third = EmailFactory.create(idempotency_key="welcome:8")
        assert first == second
        assert Email.objects.count() == 2
        assert third.idempotency_key == "welcome:8"

    def test_returns_an_email_that_was_sent_as_it_is(self) -> None:
        email = EmailFactory.create(idempotency_key="welcome:7")
        Email.objects.update(status=Email.Status.SENT, sent_at=timezone.now(), ended_at=timezone.now())

        again = EmailFactory.create(idempotency_key="welcome:7")
        assert (again.pk, again.status) == (email.pk, Email.Status.SENT)

    def test_writes_two_without_a_key(self) -> None:
        EmailFactory.create(idempotency_key=None)
        EmailFactory.create(idempotency_key=None)
        assert Email.objects.count() == 2


@pytest.mark.django_db(transaction=True)
class TestEmailCreateAtOnce:
    def test_writes_one_email_for_one_key(self) -> None:
        emails = race(
            lambda _: EmailFactory.create(
                to=["ada@example.org"], idempotency_key="k", attachments=[Attachment("a", b"a")]
            ),
            runners=4,
        )
        assert len({email.pk for email in emails}) == 1
        assert emails[0].attachments.count() == 1

    def test_stores_the_same_attachment_once(self) -> None:
        race(lambda _: EmailFactory.create(to=["ada@example.org"], attachments=[Attachment("a", b"a")]), runners=4)
        assert Email.objects.count() == 4
        assert AttachmentContent.objects.count() == 1

    def test_does_not_wait_for_ever_when_two_carry_the_same_files_in_another_order(self) -> None:
        files = [Attachment(name, name.encode()) for name in "abcdef"]

        def write(number: int) -> None:
            for _ in range(20):
                EmailFactory.create(to=["ada@example.org"], attachments=files[:: (-1) ** number])

        race(write, runners=2)

        assert Email.objects.count() == 40
        assert AttachmentContent.objects.count() == 6


@pytest.mark.django_db
class TestEmailCreateWithAttachments:
    def test_stores_the_bytes_once_however_many_carry_them(self) -> None:
        terms = Attachment("terms.pdf", b"%PDF", "application/pdf")
        emails = [EmailFactory.create(attachments=[terms, Attachment("copy.pdf", b"%PDF")]) for _ in range(3)]

        assert AttachmentContent.objects.count() == 1
        assert bytes(AttachmentContent.objects.get().content) == b"%PDF"
        assert [(a.filename, a.content_type) for a in emails[2].attachments.all()] == [
            ("terms.pdf", "application/pdf"),
            ("copy.pdf", "application/octet-stream"),
        ]

    def test_allows_as_many_bytes_as_the_limit_and_no_more(self, settings: Settings) -> None:
        settings.EMAIL_ATTACHMENTS_MAX_BYTES = 10
        EmailFactory.create(attachments=[Attachment("a", b"12345"), Attachment("b", b"67890")])
        with pytest.raises(EmailInvalidError, match=r"have 11 bytes, the limit is 10. Send a link instead"):
            EmailFactory.create(attachments=[Attachment("a", b"12345"), Attachment("b", b"678901")])
        assert Email.objects.count() == 1


def _filled(value: Any, end: str) -> Any:
    """``value`` with ``{end}`` replaced in every string inside."""
    match value:
        case str():
            return value.replace("{end}", end)
        case dict():
            return {_filled(key, end): _filled(item, end) for key, item in value.items()}
        case list():
            return [_filled(item, end) for item in value]
        case Attachment():
            return Attachment(_filled(value.filename, end), value.content, _filled(value.content_type, end))
        case _:
            return value


@pytest.mark.django_db
class TestServer:
    def test_that_the_settings_do_not_know_is_refused(self) -> None:
        with pytest.raises(EmailInvalidError, match="no mail server 'nowhere'"):
            EmailFactory.create(server="nowhere")

    def test_that_they_know_is_kept_and_copied_by_a_resend(self, settings: Settings) -> None:
        settings.EMAIL_SENDING_SERVERS = {"default": {"fallback": ""}, "marketing": {"fallback": ""}}
        email = EmailFactory.create(server="marketing")
        email_cancel(email=email)
        assert email_resend(email=email, reason="Asked for").server == "marketing"
