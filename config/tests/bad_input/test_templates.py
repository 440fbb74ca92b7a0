"""What a developer writes into the template of an e-mail, or forgets to give it."""

from pathlib import Path
from typing import Any

import pytest
from django.template import TemplateDoesNotExist, TemplateSyntaxError
from pytest_django import Settings

from config.tests.bad_input.checking import case, nothing_changes, says
from styleguide_example.emails.bulk import Recipient, email_create_all_from_template
from styleguide_example.emails.exceptions import EmailInvalidError
from styleguide_example.emails.services import email_create_from_template

pytestmark = [pytest.mark.django_db, pytest.mark.once]

#: A template as it should be.
WHOLE = {"subject": "Hello {{ name }}", "html": "<p>Hello {{ name }}</p>", "text": "Hello {{ name }}"}
SHOWN = "is not in the context. Give it, or ask for it with an if."


@pytest.fixture
def templates(settings: Settings, tmp_path: Path) -> Path:
    """Where each test writes its e-mail, ``letter``."""
    settings.TEMPLATES = [{**engine, "DIRS": [tmp_path]} for engine in settings.TEMPLATES]
    directory = tmp_path / "emails"
    directory.mkdir()
    return directory


@pytest.mark.parametrize(
    ("blocks", "error", "fragments"),
    [
        case("no template at all", {}, TemplateDoesNotExist, ["emails/letter.html"]),
        case("no subject", {"subject": ""}, EmailInvalidError, ["emails/letter.html", "its block subject is empty"]),
        case(
            "a layout that is not there",
            {"extends": "emails/nothing.html"},
            TemplateDoesNotExist,
            ["emails/nothing.html"],
        ),
        case(
            "a layout that is none",
            {"extends": "emails/_button.html"},
            EmailInvalidError,
            ["emails/letter.html cannot be rendered", "line 3): it shows url"],
        ),
        case(
            "a part that is not there",
            {"text": '{% include "emails/nothing.html" %}'},
            TemplateDoesNotExist,
            ["emails/nothing.html"],
        ),
        case(
            "a tag that there is not",
            {"html": "{% nonsense %}"},
            TemplateSyntaxError,
            ["emails/letter.html cannot be read", "(emails/letter.html, line 3)", "'nonsense'"],
        ),
        case(
            "a block that is not closed",
            {"html": "<p>\n{% if name %}Hello"},
            TemplateSyntaxError,
            ["emails/letter.html cannot be read", "line 4", "endblock"],
        ),
        case(
            "a filter that there is not",
            {"text": "{{ name|shout }}"},
            TemplateSyntaxError,
            ["emails/letter.html cannot be read", "Invalid filter: 'shout'"],
        ),
        case(
            "braces that hold two words",
            {"subject": "{{ name surname }}"},
            TemplateSyntaxError,
            ["emails/letter.html cannot be read (emails/letter.html, line 2)", "surname"],
        ),
        case(
            "a library that is not there",
            {"html": "{% load nothing %}"},
            TemplateSyntaxError,
            ["emails/letter.html cannot be read", "'nothing' is not a registered tag library"],
        ),
        case(
            "a subject that shows what nobody gave",
            {"subject": "{{ nmae }}"},
            EmailInvalidError,
            ["emails/letter.html cannot be rendered (emails/letter.html, line 2): it shows nmae", SHOWN],
        ),
        case(
            "HTML that shows what nobody gave",
            {"html": "<p>{{ link }}</p>"},
            EmailInvalidError,
            ["emails/letter.html cannot be rendered (emails/letter.html, line 3): it shows link", SHOWN],
        ),
        case(
            "a text that shows what nobody gave",
            {"text": "{{ link }}"},
            EmailInvalidError,
            ["emails/letter.html cannot be rendered (emails/letter.html, line 4): it shows link", SHOWN],
        ),
        case(
            "an attribute that there is not",
            {"html": "{{ name.first }}"},
            EmailInvalidError,
            ["it shows name.first", SHOWN],
        ),
        case("a filter of what nobody gave", {"html": "{{ link|upper }}"}, EmailInvalidError, ["it shows link", SHOWN]),
        case(
            "a link to what nobody gave",
            {"html": '<a href="{{ base }}/x">x</a>'},
            EmailInvalidError,
            ["it shows base", SHOWN],
        ),
        case(
            "a subject of 999 characters",
            {"subject": "x " * 500},
            EmailInvalidError,
            ["The subject must be at most 998 characters"],
        ),
        case(
            "a NUL in the text", {"text": "a\0b"}, EmailInvalidError, ["The plain text must not contain NUL characters"]
        ),
    ],
)
def test_is_refused(templates: Path, blocks: dict[str, str], error: type[Exception], fragments: list[str]) -> None:
    if blocks:
        _write(templates, {**WHOLE, **blocks})
    with nothing_changes(), pytest.raises(error) as raised:
        email_create_from_template(template="letter", context={"name": "Ada"}, to=["ada@example.com"])
    says(str(raised.value), *fragments)


@pytest.mark.parametrize(
    ("blocks", "recipients", "error", "fragments"),
    [
        case(
            "one of many without a variable",
            {},
            [{"name": "Ada"}, {}],
            EmailInvalidError,
            ["emails/letter.html", "it shows name"],
        ),
        case(
            "many and a tag that there is not",
            {"html": "{% nonsense %}"},
            [{"name": "Ada"}],
            TemplateSyntaxError,
            ["emails/letter.html"],
        ),
    ],
)
def test_is_refused_for_all_or_none(
    templates: Path,
    blocks: dict[str, str],
    recipients: list[dict[str, Any]],
    error: type[Exception],
    fragments: list[str],
) -> None:
    _write(templates, {**WHOLE, **blocks})
    many = [Recipient(str(number), f"p{number}@example.com", context) for number, context in enumerate(recipients)]
    with nothing_changes(), pytest.raises(error) as raised:
        email_create_all_from_template(template="letter", recipients=many, batch="letters")
    says(str(raised.value), *fragments)


@pytest.mark.parametrize(
    ("blocks", "name"),
    [
        case("a line break in a value", {}, "Ada\r\nBcc: eve@example.com"),
        case("a line break in the block", {"subject": "Hello\n{{ name }}\n"}, "Ada Bcc: eve@example.com"),
        case("a line separator that nobody sees", {}, "Ada\u2028Bcc: eve@example.com"),
    ],
)
def test_a_subject_stays_one_line(templates: Path, blocks: dict[str, str], name: str) -> None:
    _write(templates, {**WHOLE, **blocks})
    email = email_create_from_template(template="letter", context={"name": name}, to=["ada@example.com"])
    assert email.subject == "Hello Ada Bcc: eve@example.com"


def test_what_may_be_missing_is_asked_for_with_an_if(templates: Path) -> None:
    _write(templates, {**WHOLE, "html": "<p>{% if link %}{{ link }}{% else %}none{% endif %}</p>"})
    email = email_create_from_template(template="letter", context={"name": "Ada"}, to=["ada@example.com"])
    assert "<p>none</p>" in email.html


def _write(directory: Path, blocks: dict[str, str]) -> None:
    """Write the e-mail, a line for what it extends and one for each block."""
    lines = [f'{{% extends "{blocks.get("extends", "emails/_bare.html")}" %}}']
    lines += [f"{{% block {name} %}}{blocks[name]}{{% endblock %}}" for name in WHOLE]
    (directory / "letter.html").write_text("\n".join(lines))
