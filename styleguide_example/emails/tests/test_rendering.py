from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.utils import translation
from pytest_django import Settings

from styleguide_example.emails.exceptions import EmailInvalidError
from styleguide_example.emails.rendering import template_render
from styleguide_example.emails.services import email_create_from_template
from styleguide_example.emails.tests.gallery_files import letter_write, templates_made

pytestmark = pytest.mark.once

WELCOME = {"name": "Ada", "home_url": "https://example.com/home/"}
MOMENT_AND_NUMBER = "{{ begins_at|date:'DATE_FORMAT' }}, {{ price|floatformat:'2g' }}"


@pytest.fixture
def templates(settings: Settings, tmp_path: Path) -> Path:
    """A directory of templates; it holds one e-mail, ``letter``."""
    emails = templates_made(settings, tmp_path)
    letter_write(emails)
    return emails


class TestLanguage:
    @pytest.mark.django_db
    def test_is_the_recipients_whatever_the_process_speaks(self) -> None:
        with translation.override("en"):
            email = email_create_from_template(template="welcome", context=WELCOME, to=["a@b.example"], language="de")
            assert translation.get_language() == "en"

        assert email.subject == "Willkommen bei Fieldnote"
        assert '<html lang="de" dir="ltr">' in email.html
        assert "<h1" in email.html
        assert "Willkommen, Ada" in email.html
        assert email.plain_text.startswith("Willkommen, Ada\n")

    @pytest.mark.parametrize(
        ("language", "subject"),
        [
            ("", "Welcome to Fieldnote"),
            ("de-at", "Willkommen bei Fieldnote"),
            ("xx", "Welcome to Fieldnote"),
            ("../../etc", "Welcome to Fieldnote"),
        ],
    )
    def test_is_the_nearest_that_there_is(self, language: str, subject: str) -> None:
        with translation.override("de"):  # somebody's who caused it, and who is not its reader
            assert template_render(template="welcome", context=WELCOME, language=language).subject == subject

    def test_decides_how_dates_and_numbers_are_written(self, templates: Path) -> None:
        letter_write(templates, body=MOMENT_AND_NUMBER)
        context = {"name": "Ada", "begins_at": datetime(2026, 11, 3, 12, tzinfo=UTC), "price": 1234.5}

        assert "Nov. 3, 2026, 1,234.50" in template_render(template="letter", context=context).html
        assert "3. November 2026, 1.234,50" in template_render(template="letter", context=context, language="de").html

    def test_decides_where_a_line_begins(self, settings: Settings) -> None:
        settings.LANGUAGES = [("en", "English"), ("ar", "العربية")]
        html = template_render(template="welcome", context=WELCOME, language="ar").html

        assert '<html lang="ar" dir="rtl">' in html
        assert html.count('align="right"') == 3
        assert "left" not in html.partition("<body")[2]


class TestTitle:
    def test_is_the_subject(self, templates: Path) -> None:
        rendered = template_render(template="letter", context={"name": "<Ada> & Bob"})
        assert rendered.subject == "For <Ada> & Bob"
        assert "<title>For &lt;Ada&gt; &amp; Bob</title>" in rendered.html


class TestLayout:
    def test_is_named_where_a_template_has_none(self, templates: Path) -> None:
        (templates / "letter.html").write_text("Hello")
        with pytest.raises(EmailInvalidError, match=r'begin it with \{% extends "emails/_base.html" %\}'):
            template_render(template="letter", context={})

    def test_is_asked_for_what_an_include_lacks_with_file_and_line(self, templates: Path) -> None:
        letter_write(templates, body='\n{% include "emails/_button.html" with text=name %}')
        with pytest.raises(EmailInvalidError, match=r"\(emails/_button.html, line 3\): it shows url"):
            template_render(template="letter", context={"name": "Ada"})
