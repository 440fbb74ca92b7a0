"""The books with the peers, what counts as held, the page, and the command line; the projects are run by hand."""

import json
import smtplib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from faults import __main__ as cli
from faults.peers import contenders, faults, page
from faults.peers.books import Books, Figures
from faults.peers.running import PeerLine
from faults.peers.trials import Measured
from faults.sink import Sink
from faults.tests.databases import DatabaseOfTest
from styleguide_example.emails.models import Email
from styleguide_example.emails.tests.factories import email_asked_for, email_ended
from styleguide_example.embedded.environment import free_port

ANNA, BERTA = "anna@e1.example", "berta@e1.example"


@pytest.fixture
def sink() -> Iterator[Sink]:
    with closing(Sink(free_port())) as sink:
        yield sink


@pytest.fixture
def books(sink: Sink) -> Books:
    return Books(contenders.OURS, DatabaseOfTest(), sink, "e1.example")


def _arrives(sink: Sink, recipient: str, *, message_id: str = "<1@example.com>") -> None:
    with smtplib.SMTP("127.0.0.1", sink.port) as client:
        client.sendmail("hello@example.com", recipient, f"Message-ID: {message_id}\r\n\r\nHello\r\n")


@pytest.mark.django_db
class TestBooks:
    def test_count_what_came_once(self, books: Books, sink: Sink) -> None:
        email_ended(Email.Status.SENT, to=[ANNA])
        _arrives(sink, ANNA)
        assert books.figures() == Figures(promised=1)

    def test_count_what_never_came_as_lost_whatever_its_row_says(self, books: Books) -> None:
        email_ended(Email.Status.SENT, to=[ANNA])
        email_ended(Email.Status.FAILED, to=[BERTA])
        assert books.figures() == Figures(promised=2, lost=2, failed=1)

    def test_count_as_lost_what_somebody_was_told_and_no_row_knows(self, books: Books) -> None:
        books.confirmed([ANNA])
        assert (books.figures(), books.missing()) == (Figures(promised=1, lost=1), 1)

    def test_count_as_stuck_what_says_that_it_is_on_its_way(self, books: Books, sink: Sink) -> None:
        email_asked_for(to=[ANNA])
        _arrives(sink, ANNA)
        assert (books.figures(), books.open_now()) == (Figures(promised=1, stuck=1), 1)

    def test_tell_copies_of_one_message_from_another_message(self, books: Books, sink: Sink) -> None:
        for address, second in ((ANNA, "<1@example.com>"), (BERTA, "<2@example.com>")):
            email_ended(Email.Status.SENT, to=[address])
            _arrives(sink, address)
            _arrives(sink, address, message_id=second)
        assert books.figures() == Figures(promised=2, twice=2, renamed=1)

    def test_leave_other_faults_alone(self, books: Books, sink: Sink) -> None:
        email_asked_for(to=["anna@e11.example"])
        _arrives(sink, "anna@e11.example")
        assert books.figures() == Figures()


WELL = Measured(Figures(promised=10, twice=2), may_come_twice=2, requests=4, slowest_seconds=0.3, settled_seconds=2.04)


class TestMeasured:
    def test_is_held_when_nothing_is_amiss(self) -> None:
        assert WELL.is_held

    @pytest.mark.parametrize(
        "figures",
        [
            Figures(),
            Figures(promised=10, lost=1),
            Figures(promised=10, stuck=1),
            Figures(promised=10, twice=3),
            Figures(promised=10, twice=1, renamed=1),
        ],
    )
    def test_is_not_held_when_a_figure_is(self, figures: Figures) -> None:
        assert not replace(WELL, figures=figures).is_held

    def test_is_not_held_when_a_person_waited_or_saw_an_error(self) -> None:
        assert not replace(WELL, slowest_seconds=1.1).is_held
        assert not replace(WELL, requests_failed=1).is_held


def _line(contender: contenders.Contender, measured: Measured | None, problem: str = "") -> PeerLine:
    return PeerLine(faults.ALL[0], contender, measured, seconds=12.34, problem=problem)


LINES = [
    _line(contenders.OURS, WELL),
    _line(
        contenders.STYLEGUIDE,
        Measured(Figures(promised=10, lost=3, stuck=4), requests=4, requests_failed=2, seen="4 e-mails waited"),
    ),
    _line(contenders.POST_OFFICE, None, problem="FaultsError: It did not start."),
]


class TestPage:
    def test_has_a_row_for_each_contender(self) -> None:
        text = page.page(page.as_json(LINES))
        assert "| this project | 10 | 0 | 2 (2) | 0 | 0 | 0 of 4 | 0.30 s | 2.0 s |" in text
        assert "| the styleguide's pattern | 10 | **3** | 0 (0) | **4** | 0 | **2** of 4 | 0.00 s | never |" in text
        assert "| django-post_office | not measured: FaultsError: It did not start. |" in text

    def test_begins_with_all_faults_together(self) -> None:
        text = page.page(page.as_json(LINES))
        assert "| this project | 1 of 1 | 0 | 0 | 2 | 0 | 0 | 0.30 s |" in text
        assert "| the styleguide's pattern | 0 of 1 | 3 | 4 | 0 | 0 | 2 | 0.00 s |" in text

    def test_says_what_was_done_how_to_repeat_it_and_how_each_is_configured(self) -> None:
        text = page.page(page.as_json(LINES))
        assert faults.ALL[0].in_words in text
        assert '`make faults ARGS="--peers --only E1"`' in text
        assert "- the styleguide's pattern: 4 e-mails waited." in text
        assert all(each.configured in text for each in contenders.ALL)

    def test_is_written_beside_its_figures(self, tmp_path: Path) -> None:
        page.write(page.as_json(LINES), data=tmp_path / "new" / "peers.json", text=tmp_path / "peers.md")
        assert [line["who"] for line in json.loads((tmp_path / "new" / "peers.json").read_text())["lines"]] == [
            each.who for each in contenders.ALL
        ]
        assert (tmp_path / "peers.md").read_text().startswith("# What a team gets by switching")


class TestCommand:
    def test_names_a_fault_that_there_is_not(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["--peers", "--only", "Z9"]) == cli.WRONG_USAGE
        assert "there is no Z9. There are: E1, " in capsys.readouterr().err

    def test_says_how_the_peers_are_installed_when_they_are_not(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(contenders, "PEERS_PYTHON", tmp_path / "nowhere")
        assert cli.main(["--peers"]) == cli.NOT_HELD
        assert 'make faults ARGS="--peers"' in capsys.readouterr().err
