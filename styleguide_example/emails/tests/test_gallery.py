import json
from pathlib import Path

import pytest
from django.core.checks import Error, run_checks
from pytest_django import Settings

from styleguide_example.emails.gallery import Look, broken, template_looks
from styleguide_example.emails.samples import template_names
from styleguide_example.emails.tests.gallery_files import letter_write, templates_made

pytestmark = pytest.mark.once


@pytest.fixture
def templates(settings: Settings, tmp_path: Path) -> Path:
    """A directory of templates, before those of the apps."""
    return templates_made(settings, tmp_path)


def _all() -> list[Look]:
    return [look for template in template_names() for look in template_looks(template)]


class TestOurTemplates:
    def test_are_whole_with_each_sample_in_each_language(self) -> None:
        assert list(broken()) == []
        assert {"welcome", "confirmation", "account_exists", "notification", "announcement"} <= set(template_names())
        assert {look.language for look in _all()} >= {"en", "de"}

    def test_say_which_language_they_are_in(self) -> None:
        for look in _all():
            assert look.rendered is not None
            assert f'<html lang="{look.language}" dir="ltr">' in look.rendered.html, look

    def test_fit_into_a_list_and_a_terminal(self) -> None:
        for look in _all():
            assert look.rendered is not None
            assert len(look.rendered.subject) < 60, look
            lines = [line for line in look.rendered.plain_text.splitlines() if "://" not in line]
            assert max(map(len, lines)) < 80, look

    def test_leave_nothing_of_the_template_behind(self) -> None:
        for look in _all():
            assert look.rendered is not None
            text = look.rendered.subject + look.rendered.html + look.rendered.plain_text
            assert not [sign for sign in ("{{", "{%", "{#") if sign in text], look

    def test_are_not_cut_off_by_a_mail_client(self) -> None:
        for look in _all():
            assert look.rendered is not None
            assert len(look.rendered.html.encode()) < 102_000, look


class TestBroken:
    @pytest.mark.parametrize(
        ("sample", "body", "fragments"),
        [
            ('{"Nobody": {}}', "", ["(emails/letter.html, line 3): it shows name", "'Nobody'", "language de"]),
            ('{"Ada": {"name": "Ada"}}', "{% nonsense %}", ["emails/letter.html cannot be read", "line 4"]),
            ('{"Ada": {"name": "Ada"}}', "{{ name|add:2|divisibleby:0 }}", ["ValueError", "'Ada'"]),
            ('{"Ada": {"name": ', "", ["emails/letter.sample.json cannot be read", "line 1 column"]),
            ('{"name": "Ada"}', "", ["emails/letter.sample.json must hold a context for each sample"]),
            ("{}", "", ["emails/letter.sample.json must hold a context for each sample"]),
            ('{"Ada": {"begins_at": "soon"}}', "", ["begins_at is 'soon'", "2026-11-20T09:30:00Z"]),
        ],
    )
    def test_is_named_with_what_is_wrong(self, templates: Path, sample: str, body: str, fragments: list[str]) -> None:
        letter_write(templates, sample=sample, body=body)
        said = "\n".join(broken())
        assert not [fragment for fragment in fragments if fragment not in said], said

    def test_is_one_that_fills_a_block_which_is_shown_nowhere(self, templates: Path) -> None:
        letter_write(templates, body="Hello{% endblock %}{% block content %}{% block inner %}{% endblock %}")
        assert list(broken()) == ["emails/letter.html fills content, which its layout does not have."]

    def test_is_a_template_without_a_sample(self, templates: Path) -> None:
        letter_write(templates)
        (templates / "letter.sample.json").unlink()
        assert ["emails/letter.sample.json is missing" in said for said in broken()] == [True]

    def test_is_a_sample_without_a_template(self, templates: Path) -> None:
        letter_write(templates)
        (templates / "letter.html").unlink()
        assert ["emails/letter.sample.json has no template" in said for said in broken()] == [True]

    def test_is_not_a_part_of_others(self, templates: Path) -> None:
        letter_write(templates, name="_part", body="{{ nothing }}")
        letter_write(templates, name="_parts/part", body="{{ nothing }}")
        assert list(broken()) == []

    def test_is_found_in_a_folder_too(self, templates: Path) -> None:
        letter_write(templates, name="orders/receipt", body="{{ nothing }}")
        assert ["(orders/receipt.html, line 4): it shows nothing" in said for said in broken()] == [True, True]

    def test_stops_a_deploy_and_not_a_developer(self, templates: Path) -> None:
        letter_write(templates, body="{{ nothing }}")
        found = [check for check in run_checks(include_deployment_checks=True) if check.id == "emails.E005"]
        assert [isinstance(check, Error) for check in found] == [True, True]  # in each language
        assert "it shows nothing" in found[0].msg
        assert not [check for check in run_checks() if check.id == "emails.E005"]


class TestSamples:
    def test_hold_moments_and_markup_by_the_names_of_values(self, templates: Path) -> None:
        values = {"name": "Ada", "begins_at": "2026-11-03T12:00:00Z", "body_html": "<b>Tea</b>", "text": "<i>"}
        sample = json.dumps({"Ada": values})
        letter_write(templates, sample=sample, body="{{ begins_at|date:'Y' }} {{ body_html }} {{ text }}")
        look = template_looks("letter")[0]
        assert look.rendered is not None, look.error
        assert "2026 <b>Tea</b> &lt;i&gt;" in look.rendered.html
