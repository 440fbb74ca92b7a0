import pytest
from pytest_django import Settings

from styleguide_example.embedded.links import LINKS_SHOWN, Link, link_list
from styleguide_example.embedded.mailbox import caught_get
from styleguide_example.embedded.tests.conftest import Catch

pytestmark = pytest.mark.once


@pytest.fixture
def links(catch: Catch, settings: Settings) -> "Links":
    settings.APP_BASE_URL = "https://app.example.com"
    return Links(catch, settings)


class Links:
    """Those of a message."""

    def __init__(self, catch: Catch, settings: Settings) -> None:
        self._catch, self._settings = catch, settings

    def of(self, html: str = "", text: str = "Hello") -> list[Link]:
        mail = caught_get(self._settings.VAR_DIR / "mail", self._catch(html=html, text=text))
        assert mail is not None
        return link_list(mail)


class TestLinkList:
    @pytest.mark.parametrize(
        ("target", "judgement", "words"),
        [
            ("https://app.example.com/confirm/MQ/token/", "go", "users:confirm"),
            ("https://app.example.com/nothing/", "bad", "no page of this product"),
            ("https://example.org/", "off", "Another site"),
            ("http://example.org/", "hold", "not encrypted"),
            ("/confirm/MQ/token/", "bad", "Leads nowhere"),
            ("javascript:alert(1)", "bad", "Leads nowhere"),
            ("https://[broken/", "bad", "Not an address"),
            ("mailto:ada@example.com", "off", "another program"),
        ],
    )
    def test_judges_a_target_without_asking_it(self, links: Links, target: str, judgement: str, words: str) -> None:
        (link,) = links.of(f'<p><a href="{target}">Go <b>on</b></a></p>')

        assert (link.target, link.name, link.judgement) == (target, "Go on", judgement)
        assert words in link.reason
        assert link.is_web == target.startswith("http")

    def test_warns_of_a_text_that_names_another_host(self, links: Links) -> None:
        (link,) = links.of('<a href="https://evil.example/">https://bank.example/</a>')

        assert (link.judgement, link.reason) == ("bad", "Its text names another host than the one it leads to.")

    def test_names_each_target_once_and_not_all_of_too_many(self, links: Links) -> None:
        html = "".join(f'<a href="https://example.org/{number}">x</a>' for number in range(LINKS_SHOWN + 1))
        assert len(links.of(html)) == LINKS_SHOWN

        found = links.of('<a href="https://example.org/">x</a>', text="See https://example.org/, or https://b.example.")
        assert [link.target for link in found] == ["https://example.org/", "https://b.example"]

    def test_reads_html_that_is_none(self, links: Links) -> None:
        assert links.of("<![unheard of[<a href='https://example.org/'") == []
