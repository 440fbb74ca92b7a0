import email
from email import policy
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from styleguide_example.announcements.models import Announcement
from styleguide_example.announcements.rendering import Letter, body_html
from styleguide_example.emails.mime import email_to_message
from styleguide_example.emails.rendering import Rendered
from styleguide_example.emails.tests.factories import EmailFactory

URL = "https://example.com/unsubscribe/1.2.abc/"
#: What each field is tried with: markup, template syntax, headers, scripts in links.
EVIL = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ settings.SECRET_KEY }}{% load static %}",
    "</td></tr></table><h1>Other</h1>",
    "<!-- --><style>body{display:none}</style>",
    "\r\nBcc: eve@example.org\r\n\r\nother body",
    "&lt;script&gt;",
]


class _Tags(HTMLParser):
    """Tags, and what leads somewhere."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.targets: list[str] = []
        self.names: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.names |= {name for name, _ in attrs}
        self.targets += [value or "" for name, value in attrs if name in {"href", "src"}]


def _rendered(*, name: str = "Ada", url: str = URL, **fields: str) -> Rendered:
    given = {"subject": "News", "body": "Hello", "audience": "everyone", **fields}
    return Letter(Announcement(**given)).to(name, url=url)


class TestLetter:
    def test_translates_what_stands_around_the_authors_words(self) -> None:
        letter = Letter(Announcement(subject="News", body="Hello", audience="everyone"))

        german, english = letter.to("Ada", url=URL, language="de"), letter.to("Grace", url=URL)

        assert german.subject == "News"
        assert german.plain_text.startswith("Guten Tag Ada,\n\nHello\n")
        assert "Abmelden" in german.html
        assert english.plain_text.startswith("Hello Grace,\n\nHello\n")
        assert 'lang="de"' in german.html

    def test_greets_by_name_and_says_how_to_leave(self) -> None:
        rendered = _rendered(body="We made **three** things better.")
        assert rendered.subject == "News"
        assert "Hello Ada," in rendered.html
        assert "<strong>three</strong>" in rendered.html
        assert f'href="{URL}"' in rendered.html
        assert rendered.plain_text == (
            "Hello Ada,\n\nWe made **three** things better.\n\n--\n"
            f"You get this e-mail because you have an account with Fieldnote.\nUnsubscribe: {URL}\n"
        )

    def test_greets_without_a_name(self) -> None:
        rendered = _rendered(name=" ")
        assert ">Hello,<" in rendered.html
        assert rendered.plain_text.startswith("Hello,\n")

    def test_is_made_for_each_and_leaves_no_mark(self) -> None:
        letter = Letter(Announcement(subject="News", body="Hello", audience="everyone"))
        first, second = letter.to("Ada", url=URL), letter.to("Bob", url=URL + "b")
        assert second.html == first.html.replace("Ada", "Bob").replace(URL, URL + "b")
        assert "mark" not in first.html + first.plain_text

    def test_has_its_style_in_the_tags(self) -> None:
        html = _rendered(body="## More\n\n- one\n\n> quoted\n\n`code`").html
        assert '<h2 style="' in html
        assert '<ul style="' in html

    @pytest.mark.parametrize("evil", EVIL)
    @pytest.mark.parametrize("field", ["name", "subject", "body"])
    def test_shows_markup_in_any_field_as_text(self, field: str, evil: str) -> None:
        usual, rendered = _Tags(_rendered().html), _rendered(**{field: evil})
        tags = _Tags(rendered.html)
        assert set(tags.tags) <= {*usual.tags, "h1", "p", "br"}
        assert tags.names == usual.names
        assert tags.targets == usual.targets
        assert "\n" not in rendered.subject
        assert "SECRET" not in rendered.html or "{{ settings.SECRET_KEY }}" in rendered.html

    @pytest.mark.django_db
    @pytest.mark.parametrize("evil", EVIL)
    @pytest.mark.parametrize("field", ["name", "subject", "body"])
    def test_becomes_a_message_of_two_parts_whatever_it_holds(self, field: str, evil: str) -> None:
        rendered = _rendered(**{field: evil})
        row = EmailFactory.create(
            to=["ada@example.org"], subject=rendered.subject, html=rendered.html, plain_text=rendered.plain_text
        )
        raw = email_to_message(row).message().as_bytes()
        message = email.message_from_bytes(raw, policy=policy.default)
        assert [part.get_content_type() for part in message.walk()] == [
            "multipart/alternative",
            "text/plain",
            "text/html",
        ]
        assert (message["To"], message["Bcc"]) == ("ada@example.org", None)

    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(
        name=st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=80),
        body=st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=200),
    )
    def test_has_only_the_tags_of_commonmark_and_the_frame(self, name: str, body: str) -> None:
        commonmark = {
            *("p", "br", "em", "strong", "a", "code", "pre", "ul", "ol", "li", "blockquote", "hr", "img"),
            *("h1", "h2", "h3", "h4", "h5", "h6"),
        }
        frame = set(_Tags(_rendered().html).tags)
        assert set(_Tags(_rendered(name=name, body=body).html).tags) <= frame | commonmark


class TestBodyHtml:
    @pytest.mark.parametrize("target", ["https://example.com/a?b=1&c=2", "http://example.com", "mailto:a@example.com"])
    def test_links_to_the_web_and_to_addresses(self, target: str) -> None:
        assert _Tags(body_html(f"[here]({target})")).targets == [target]

    @pytest.mark.parametrize(
        "target",
        [
            *("javascript:alert(1)", "JavaScript:alert(1)", "java&#10;script:alert(1)", "data:text/html,x"),
            *("vbscript:x", "file:///etc/passwd", "/settings/", "//example.com", "&#106;avascript:alert(1)"),
        ],
    )
    def test_leaves_any_other_link_as_text(self, target: str) -> None:
        assert _Tags(body_html(f"[here]({target}) ![here]({target}) <{target}>")).targets == []

    def test_shows_pictures_over_https_alone(self) -> None:
        assert '<img src="https://example.com/a.png" alt="A map"' in body_html("![A map](https://example.com/a.png)")
        assert body_html("![A <b>map](http://example.com/a.png)") == "<p>A &lt;b&gt;map</p>\n"

    def test_shows_html_as_it_is_typed(self) -> None:
        assert body_html("<b>Hello</b>") == "<p>&lt;b&gt;Hello&lt;/b&gt;</p>\n"
