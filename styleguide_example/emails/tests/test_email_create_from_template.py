from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.template import TemplateDoesNotExist
from pytest_django import Settings

from styleguide_example.emails.models import Email
from styleguide_example.emails.services import email_create_from_template

pytestmark = pytest.mark.django_db

LETTER = """{% extends "emails/_bare.html" %}
{% block subject %}Hello {{ name }}{% endblock %}
{% block html %}<html><head><style>
p { color: red; }
@media (max-width: 480px) { p { color: blue !important; } }
</style></head><body><p>Hello {{ name }}</p><p><a href="https://example.com/?a=1&amp;b=2">Here</a></p></body></html>
{% endblock %}
"""


@pytest.fixture
def templates(settings: Settings, tmp_path: Path) -> Path:
    """A directory of templates; it holds one e-mail, ``test_letter``."""
    settings.TEMPLATES = [{**engine, "DIRS": [tmp_path]} for engine in settings.TEMPLATES]
    directory = tmp_path / "emails"
    directory.mkdir()
    (directory / "test_letter.html").write_text(LETTER)
    return directory


def _test_letter(**fields: Any) -> Email:
    context = {"name": fields.pop("name", "Ada")}
    return email_create_from_template(template="test_letter", context=context, to=["ada@example.org"], **fields)


@pytest.mark.usefixtures("templates")
class TestEmailCreateFromTemplate:
    def test_writes_what_the_template_says_under_its_name(self) -> None:
        email = _test_letter(cc=["cc@example.org"], idempotency_key="test_letter:7")

        email.refresh_from_db()
        assert (email.subject, email.category) == ("Hello Ada", "test_letter")
        assert "Hello Ada" in email.html
        assert email.plain_text.startswith("Hello Ada\n")
        assert (email.cc, email.idempotency_key, email.status) == (
            ["cc@example.org"],
            "test_letter:7",
            Email.Status.READY,
        )

    def test_is_not_changed_by_a_template_that_changes_later(self, templates: Path, settings: Settings) -> None:
        email = _test_letter()
        (templates / "test_letter.html").write_text(LETTER.replace("Hello", "Goodbye"))
        settings.TEMPLATES = list(settings.TEMPLATES)  # as a new process: this one has read the old template

        email.refresh_from_db()
        assert "Hello Ada" in email.html
        assert "Goodbye" in _test_letter().html

    def test_escapes_what_people_typed_in_the_html_and_nowhere_else(self) -> None:
        email = _test_letter(name="<script>alert(1)</script>")
        assert "<script>" not in email.html
        assert "&lt;script&gt;" in email.html
        assert "Hello <script>alert(1)</script>" in email.plain_text

    def test_makes_rules_attributes_and_keeps_what_cannot_be_one(self) -> None:
        html = _test_letter().html
        assert '<p style="color: red;">Hello Ada</p>' in html
        assert "@media (max-width: 480px)" in html

    def test_makes_the_text_from_the_html_with_its_links(self) -> None:
        assert "https://example.com/?a=1&b=2" in _test_letter().plain_text

    def test_prefers_a_text_that_was_written(self, templates: Path) -> None:
        text = "{% block text %}\nBy hand.  \n\n\n\nReally.\n\n{% endblock %}"
        (templates / "test_letter.html").write_text(LETTER + text)
        assert _test_letter().plain_text == "By hand.\n\nReally.\n"

    def test_keeps_the_subject_on_one_line_whatever_people_typed(self) -> None:
        assert _test_letter(name="Ada\r\nBcc: eve@example.org").subject == "Hello Ada Bcc: eve@example.org"

    def test_refuses_a_template_that_is_not_there(self, templates: Path) -> None:
        (templates / "test_letter.html").unlink()
        with pytest.raises(TemplateDoesNotExist, match=r"test_letter\.html"):
            _test_letter()
        assert not Email.objects.exists()

    def test_returns_the_first_email_for_a_key_that_was_used_before(self) -> None:
        first = _test_letter(idempotency_key="test_letter:7")
        assert _test_letter(name="Bob", idempotency_key="test_letter:7").subject == first.subject == "Hello Ada"


class TestOurTemplates:
    @pytest.mark.parametrize(
        ("template", "context", "words"),
        [
            ("welcome", {"name": "Ada & Bob", "home_url": "https://example.com/home/"}, "Welcome, Ada & Bob"),
            ("welcome", {"name": "", "home_url": "https://example.com/home/"}, "Welcome\n"),
            (
                "confirmation",
                {
                    "confirmation_url": "https://example.com/confirm/a/b/?x=1&y=2",
                    "asked_at": datetime(2026, 10, 1),  # noqa: DTZ001  only their distance is shown
                    "expires_at": datetime(2026, 10, 2),  # noqa: DTZ001
                },
                "https://example.com/confirm/a/b/?x=1&y=2",
            ),
        ],
    )
    def test_can_be_read_as_html_and_as_text(self, template: str, context: dict[str, str], words: str) -> None:
        email = email_create_from_template(template=template, context=context, to=["ada@example.org"])

        assert words in email.plain_text
        assert "<" not in email.plain_text
        assert "style=" in email.html
        assert "<style>" in email.html
        assert "{{" not in email.subject + email.html + email.plain_text
