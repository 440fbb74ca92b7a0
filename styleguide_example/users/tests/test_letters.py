"""What holds for every e-mail of this app, so that it survives mail clients."""

import re

import pytest
from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from styleguide_example.emails.models import Email
from styleguide_example.users.services import user_complete_onboarding, user_sign_up
from styleguide_example.users.tests.factories import user_confirmed

pytestmark = pytest.mark.django_db


def _write(category: str) -> Email:
    """Bring about the e-mail in the way it comes about."""
    if category == "confirmation":
        user_sign_up(email="ada@example.com")
    elif category == "welcome":
        user_complete_onboarding(user=user_confirmed(full_name="Ada"))
    else:
        user_sign_up(email=user_confirmed().email)
    return Email.objects.get(category=category)


@pytest.fixture(params=["confirmation", "account_exists", "welcome"])
def letter(request: pytest.FixtureRequest) -> Email:
    """Each e-mail in turn."""
    return _write(request.param)


class TestEveryLetter:
    def test_has_a_subject_of_one_line_and_a_plain_text(self, letter: Email) -> None:
        assert 0 < len(letter.subject) < 60
        assert "<" not in letter.plain_text
        assert max(len(line) for line in letter.plain_text.splitlines() if "http" not in line) < 80

    def test_is_laid_out_by_tables_that_are_not_read_aloud(self, letter: Email) -> None:
        page = html.document_fromstring(letter.html)

        assert page.get("lang") == "en"
        assert page.findtext(".//title")
        assert {table.get("role") for table in page.iter("table")} == {"presentation"}

    def test_carries_its_style_in_attributes_and_loads_nothing(self, letter: Email) -> None:
        page = html.document_fromstring(letter.html)

        assert all(cell.get("style") for cell in page.xpath("//td[@class]"))
        assert "max-width: 600px" in page.xpath("//table[contains(@class, 'sheet')]/@style")[0]
        assert not page.xpath("//img | //link | //script | //*[@src]")
        assert "@import" not in letter.html
        assert "url(" not in letter.html

    def test_keeps_the_rules_for_small_and_dark_screens(self, letter: Email) -> None:
        assert "@media (max-width: 480px)" in letter.html
        assert "@media (prefers-color-scheme: dark)" in letter.html
        assert "color-scheme" in html.document_fromstring(letter.html).xpath("//meta/@name")

    def test_begins_with_a_preheader(self, letter: Email) -> None:
        first = html.document_fromstring(letter.html).xpath("//body/*")[0]

        assert "display: none" in first.get("style")
        assert first.text_content().strip()

    def test_shows_every_link_as_text_too(self, letter: Email) -> None:
        page = html.document_fromstring(letter.html)
        links = set(page.xpath("//a/@href"))

        assert links
        assert all(link in page.text_content() for link in links)
        assert links == set(re.findall(r"http\S+", letter.plain_text))

    def test_leaves_nothing_of_the_template_behind(self, letter: Email) -> None:
        for text in (letter.subject, letter.html, letter.plain_text):
            assert "{{" not in text
            assert "{%" not in text
            assert "{#" not in text
