"""Every sentence that a person of the product reads is translated, and the catalogs are what is used."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest
from django.conf import settings
from django.core.management import call_command
from django.utils import translation

from config.env import BASE_DIR

pytestmark = pytest.mark.once

APPS = BASE_DIR / "styleguide_example"
CATALOGS = sorted(APPS.glob("*/locale/*/LC_MESSAGES/django.po"))
#: What stands between tags or in such an attribute is read, or read aloud.
ATTRIBUTE = re.compile(r'(?:aria-label|alt|title|placeholder|data-trouble|"description" content)="([^"]*)"')
TRANSLATED = re.compile(
    r"{% blocktranslate.*?{% endblocktranslate %}|{% block style %}.*?{% endblock %}|{% comment %}.*?{% endcomment %}",
    re.DOTALL,
)
UNREAD = re.compile(
    r"{[%{#].*?[%}#]}|<!--.*?-->|<style>.*?</style>|<!doctype html>|&\w+;|(?<=})#\w+|Fieldnote",
    re.DOTALL,
)
WORD = re.compile(r"[^\W\d_]{2,}")
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|{\w+}|<[^>]*>")


@pytest.fixture(params=CATALOGS, ids=lambda path: f"{path.parts[-5]}-{path.parts[-3]}")
def catalog(request: pytest.FixtureRequest) -> Path:
    """Each catalog in turn."""
    path: Path = request.param
    return path


def _texts(entry: polib.POEntry) -> Iterator[tuple[str, str]]:
    """Each sentence with what it became."""
    if not entry.msgid_plural:
        yield entry.msgid, entry.msgstr
    for number, text in entry.msgstr_plural.items():
        yield entry.msgid_plural if number else entry.msgid, text


def _keys(path: Path) -> set[tuple[str | None, str]]:
    return {(entry.msgctxt, entry.msgid) for entry in polib.pofile(path) if not entry.obsolete}


def _pages() -> list[Path]:
    """The templates of the product's pages and e-mails. The admin's are in English."""
    folders = ("users", "notifications", "announcements", "jobs", "emails")
    found = [path for folder in folders for path in (APPS / folder / "templates").rglob("*.html")]
    return [path for path in found if not any("admin" in part or "gallery" in part for part in path.parts)]


def _bare(template: str) -> list[str]:
    """What would be read and is not translated."""
    left = UNREAD.sub("", TRANSLATED.sub("", template))
    texts = [*ATTRIBUTE.findall(left), *re.split(r"<[^>]*>", left)]
    return [text.strip() for text in texts if WORD.search(text)]


class TestCatalog:
    def test_is_there_in_every_language(self) -> None:
        languages = {path.parts[-3] for path in CATALOGS}
        assert languages == {code for code, _ in settings.LANGUAGES} - {"en"}
        assert len(CATALOGS) == len({path.parts[-5] for path in CATALOGS}) * len(languages)

    def test_translates_each_sentence_with_its_placeholders(self, catalog: Path) -> None:
        for entry in polib.pofile(catalog):
            assert not entry.obsolete
            assert not entry.fuzzy
            for sentence, translated in _texts(entry):
                assert translated, sentence
                assert sorted(PLACEHOLDER.findall(translated)) == sorted(PLACEHOLDER.findall(sentence))

    def test_is_compiled(self, catalog: Path) -> None:
        compiled = polib.mofile(catalog.with_suffix(".mo"))
        assert {(e.msgctxt, e.msgid): list(_texts(e)) for e in compiled} == {
            (e.msgctxt, e.msgid): list(_texts(e)) for e in polib.pofile(catalog)
        }

    def test_has_the_last_word_in_its_sentences(self, catalog: Path) -> None:
        # All apps' catalogs become one, Django's among them: the same words for two things need a context.
        with translation.override(catalog.parts[-3]):
            for entry in polib.pofile(catalog):
                if not entry.msgid_plural:
                    said = translation.pgettext(entry.msgctxt, entry.msgid) if entry.msgctxt else None
                    assert (said or translation.gettext(entry.msgid)) == entry.msgstr

    @pytest.mark.skipif(shutil.which("xgettext") is None, reason="xgettext finds the sentences (GNU gettext)")
    def test_knows_every_sentence_of_its_app(
        self, catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        app = catalog.parents[3]
        shutil.copytree(app, tmp_path / "app", ignore=shutil.ignore_patterns("tests", "static", "__pycache__"))
        monkeypatch.chdir(tmp_path / "app")
        call_command("makemessages", locale=[catalog.parts[-3]], verbosity=0)
        assert _keys(tmp_path / "app" / catalog.relative_to(app)) == _keys(catalog)


class TestTemplates:
    def test_hold_no_sentence_that_is_not_translated(self) -> None:
        bare = {str(path.relative_to(APPS)): _bare(path.read_text()) for path in _pages()}
        assert {path: texts for path, texts in bare.items() if texts} == {}

    def test_are_read_by_this_guard(self) -> None:
        assert len(_pages()) > 25
        assert _bare('<p title="{{ x }}">{% translate "Go" %}</p>') == []
        assert _bare('<p title="Go">{% if x %}On{% endif %}</p>') == ["Go", "On"]
