from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.template import TemplateDoesNotExist
from pytest_django import DjangoAssertNumQueries, Settings

from styleguide_example.core.enums import Priority
from styleguide_example.emails.bulk import Recipient, email_create_all_from_template
from styleguide_example.emails.models import Email
from styleguide_example.emails.services import email_create_from_template

pytestmark = pytest.mark.django_db(transaction=True)

OFFER = """{% extends "emails/_bare.html" %}
{% block subject %}For {{ name }}{% endblock %}
{% block html %}<html><head><style>p { color: red; } .late { color: blue; }</style></head>
<body><p>Hello {{ name }}</p>{% if is_late %}<p class="late">Hurry</p>{% endif %}<p>{{ offer }}</p></body></html>
{% endblock %}
"""
TEXT = "{% block text %}Hello {{ name }}, {{ offer }}{% endblock %}\n"
#: What is the same for all.
TEA = {"offer": "tea"}


@pytest.fixture
def templates(settings: Settings, tmp_path: Path) -> Path:
    """A directory with the e-mail ``offer``, of which Django remembers nothing between two look-ups."""
    loaders = ["django.template.loaders.filesystem.Loader", "django.template.loaders.app_directories.Loader"]
    settings.TEMPLATES = [
        {**engine, "DIRS": [tmp_path], "APP_DIRS": False, "OPTIONS": {**engine["OPTIONS"], "loaders": loaders}}
        for engine in settings.TEMPLATES
    ]
    directory = tmp_path / "emails"
    directory.mkdir()
    (directory / "offer.html").write_text(OFFER + TEXT)
    return directory


def _to(number: int, **context: Any) -> Recipient:
    return Recipient(
        idempotency_key=f"offer:{number}",
        to=f"person{number}@example.org",
        context={"name": f"Person {number}", **context},
        headers={"X-Number": str(number)},
    )


@pytest.mark.usefixtures("templates", "queue")
class TestEmailCreateAllFromTemplate:
    def test_writes_to_each_what_the_template_says_to_them(self) -> None:
        created = email_create_all_from_template(
            template="offer", recipients=map(_to, range(3)), context=TEA, batch="offer:7"
        )

        assert (created.count, created.invalid) == (3, {})
        second = Email.objects.get(idempotency_key="offer:1")
        assert (second.to, second.subject, second.plain_text) == (
            ["person1@example.org"],
            "For Person 1",
            "Hello Person 1, tea\n",
        )
        assert (second.category, second.batch, second.headers) == ("offer", "offer:7", {"X-Number": "1"})
        assert (second.status, second.priority) == (Email.Status.SENDING, Priority.LOW)

    def test_renders_each_as_one_alone_is_rendered(self) -> None:
        context = {"offer": "<b>tea</b> & cake"}
        recipients = [_to(1), _to(2, is_late=True), _to(3, name="Zoë <script>", offer="milk")]
        email_create_all_from_template(template="offer", recipients=recipients, context=context, batch="offer:7")

        for recipient in recipients:
            alone = email_create_from_template(
                template="offer", context={**context, **recipient.context}, to=[recipient.to]
            )
            many = Email.objects.get(idempotency_key=recipient.idempotency_key)
            assert (many.subject, many.html, many.plain_text) == (alone.subject, alone.html, alone.plain_text)

    def test_makes_rules_attributes_also_where_only_some_have_the_element(self) -> None:
        email_create_all_from_template(
            template="offer", recipients=[_to(1), _to(2, is_late=True)], context=TEA, batch="offer:7"
        )
        on_time, late = Email.objects.order_by("pk")
        assert "Hurry" not in on_time.html
        assert '<p class="late" style="color: blue;">Hurry</p>' in late.html

    def test_reads_the_template_once(self, templates: Path) -> None:
        def recipients() -> Iterator[Recipient]:
            yield _to(1)
            for path in templates.iterdir():
                path.write_text("something else")
            yield _to(2)

        email_create_all_from_template(template="offer", recipients=recipients(), context=TEA, batch="offer:7")
        assert list(Email.objects.order_by("pk").values_list("subject", flat=True)) == ["For Person 1", "For Person 2"]
        assert not Email.objects.filter(html__contains="something else").exists()

    def test_takes_no_statement_more_for_a_template(
        self, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        with django_assert_max_num_queries(6):
            email_create_all_from_template(
                template="offer", recipients=map(_to, range(500)), context=TEA, batch="offer:7"
            )

    def test_names_those_that_are_not_valid_and_writes_the_others(self) -> None:
        nobody = Recipient(idempotency_key="offer:2", to="nobody", context={"name": "x"})
        created = email_create_all_from_template(
            template="offer", recipients=[_to(1), nobody], context=TEA, batch="offer:7"
        )
        assert (created.count, list(created.invalid)) == (1, ["offer:2"])

    def test_makes_the_text_from_the_html_where_nobody_wrote_one(self, templates: Path) -> None:
        (templates / "offer.html").write_text(OFFER)
        email_create_all_from_template(template="offer", recipients=[_to(1, offer="tea")], batch="offer:7")
        assert Email.objects.get().plain_text == "Hello Person 1\n\ntea\n"

    def test_refuses_a_text_that_includes_what_is_not_there(self, templates: Path) -> None:
        text = '{% block text %}{% include "emails/gone.txt" %}{% endblock %}'
        (templates / "offer.html").write_text(OFFER + text)
        with pytest.raises(TemplateDoesNotExist, match="gone"):
            email_create_all_from_template(template="offer", recipients=[_to(1)], context=TEA, batch="offer:7")
        assert not Email.objects.exists()

    def test_writes_to_each_in_their_language(self, templates: Path) -> None:
        text = "{% block text %}{% load i18n %}{% get_current_language as language %}{{ language }}{% endblock %}"
        (templates / "offer.html").write_text(OFFER + text)
        recipients = [
            Recipient(
                idempotency_key=f"offer:{language}", to="ada@example.org", context={"name": "Ada"}, language=language
            )
            for language in ("de", "", "en")
        ]
        email_create_all_from_template(template="offer", recipients=recipients, context=TEA, batch="offer:7")
        texts = Email.objects.order_by("pk").values_list("plain_text", flat=True)
        assert list(texts) == ["de\n", "en\n", "en\n"]

    def test_refuses_a_template_that_is_not_there_before_it_asks_for_anybody(self, templates: Path) -> None:
        (templates / "offer.html").unlink()

        asked_for = []

        def recipients() -> Iterator[Recipient]:
            asked_for.append(1)
            yield _to(1)

        with pytest.raises(TemplateDoesNotExist, match=r"offer\.html"):
            email_create_all_from_template(template="offer", recipients=recipients(), batch="offer:7")
        assert not asked_for
