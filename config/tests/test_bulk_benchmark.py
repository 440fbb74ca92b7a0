"""The benchmark of many e-mails measures what it says: its mail server counts right, its report has what is asked."""

import shutil
import smtplib
import time
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest

from benchmarks.bulk import peers, plans
from benchmarks.bulk.cells import Cell
from benchmarks.bulk.chart import chart
from benchmarks.bulk.corpus import SIZE, address, letter
from benchmarks.bulk.report import as_json, table
from benchmarks.bulk.running import Results
from benchmarks.bulk.sinks import FAST, RELAY, RELAY_PIPELINED, SLOW, Latency, Sink
from benchmarks.bulk.wiretap import Wiretap, _Session

pytestmark = pytest.mark.once

CELL_KEYS = {
    *("who", "latency_ms", "connections", "emails_per_s", "cpu_ms_per_email", "sql_per_email", "commits_per_email"),
    *("db_connections_per_email", "smtp_connections", "lost", "duplicates"),
}
RATIOS = {
    *("vs_styleguide_0ms", "vs_styleguide_50ms", "vs_styleguide_relay", "vs_post_office_default_0ms"),
    *("vs_post_office_tuned_0ms", "vs_post_office_tuned_50ms", "of_limit_50ms", "low_load_p50_vs_styleguide"),
    "enqueue_vs_styleguide",
}
compiled = pytest.param(False, marks=pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler"))


@pytest.fixture(params=[compiled, True], ids=["c", "python"], scope="module")
def running(request: pytest.FixtureRequest) -> Iterator[Sink]:
    with Sink(in_python=request.param) as sink:
        yield sink


@pytest.fixture
def sink(running: Sink) -> Sink:
    running.behave(FAST)
    running.reset()
    return running


def send(sink: Sink, *numbers: int) -> None:
    with smtplib.SMTP("127.0.0.1", sink.port) as smtp:
        for number in numbers:
            text = f"Message-ID: <{number}@x>\r\n\r\n.leading dot\r\nend\r\n"
            smtp.sendmail("a@example.com", [address(number)], text)


class TestSink:
    def test_counts_messages_connections_and_whoever_gets_it_twice(self, sink: Sink) -> None:
        send(sink, 1, 2)
        send(sink, 3, 2)
        seen = sink.figures()
        assert (seen["accepted"], seen["distinct"], seen["duplicates"]) == (4, 3, 1)
        assert (seen["message_ids"], seen["message_ids_repeated"]) == (3, 1)
        assert (seen["connections"], seen["open_most"]) == (2, 1)

    def test_knows_when_each_was_taken(self, sink: Sink) -> None:
        before = time.monotonic()
        send(sink, 1)
        assert before < sink.accepted_at(address(1)) < time.monotonic()
        assert sink.accepted_at(address(2)) == 0

    def test_is_as_slow_as_it_is_told(self, sink: Sink) -> None:
        sink.behave(Latency("test", connection_ms=30, command_ms=10, message_ms=20))
        took = []
        for number in (1, 2, 3):
            began = time.monotonic()
            send(sink, number)  # EHLO, MAIL, RCPT and DATA
            took.append(sink.accepted_at(address(number)) - began)
        assert 0.09 <= min(took) < 0.5  # the others this machine may have kept waiting

    def test_lets_the_share_fail_that_it_is_told(self, sink: Sink) -> None:
        for share, error in (("transient", 450), ("permanent", 550)):
            sink.behave(FAST, **{share: 1})
            with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
                send(sink, 1)
            assert refused.value.recipients[address(1)][0] == error
        sink.behave(FAST, cut=1)
        with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
            send(sink, 1)
        seen = sink.figures()
        assert (seen["accepted"], seen["transient"], seen["permanent"], seen["cut"]) == (0, 1, 1, 1)

    def test_hangs_up_and_forgets_on_a_reset(self, sink: Sink) -> None:
        with smtplib.SMTP("127.0.0.1", sink.port) as smtp:
            smtp.ehlo()
            sink.reset()
            with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
                smtp.mail("a@example.com")
        assert sink.figures()["connections"] == 0


class TestLetter:
    def test_has_four_kilobytes_and_differs_by_its_reader(self) -> None:
        one, other = letter(1), letter(99_999)
        assert one.html != other.html
        assert one.to != other.to
        for each in (one, other):
            assert SIZE <= len(each.html) + len(each.plain_text) < SIZE * 1.1


class TestLatency:
    def test_knows_what_so_many_connections_can_carry(self) -> None:
        assert SLOW.limit(64) == 1280
        assert RELAY.limit(11) == 100
        assert RELAY_PIPELINED.limit(7) == pytest.approx(100)
        assert FAST.limit(64) is None


class TestPlan:
    def test_measures_who_is_compared_at_the_latencies_that_are_compared(self) -> None:
        quick = {who.who: [each.name for each in latencies] for who, latencies in plans.QUICK.cells}
        assert quick["ours"] == quick["styleguide"] == ["0", "50", "relay"]
        assert quick["post_office_tuned"] == ["0", "50"]
        assert quick["post_office_default"] == ["0"]

    def test_can_be_cut_down(self) -> None:
        plan = plans.FULL.changed(only=["ours"], latencies=["50"], rounds=1)
        assert [(who.who, [each.name for each in latencies]) for who, latencies in plan.cells] == [("ours", ["50"])]
        assert (list(plan.limits), plan.rounds) == ([], 1)


class TestReport:
    def test_has_the_keys_that_are_asked_for(self) -> None:
        report = as_json(_results(), _about())
        assert all(cell.keys() >= CELL_KEYS for cell in report["cells"])
        assert set(report["ratios"]) == RATIOS

    def test_compares_within_a_round_and_takes_the_median(self) -> None:
        report = as_json(_results(), _about())
        assert report["ratios"]["vs_styleguide_0ms"] == 20
        assert report["ranges"]["vs_styleguide_0ms"] == [10, 30]
        assert report["ratios"]["of_limit_50ms"] == 0.9
        assert report["ratios"]["low_load_p50_vs_styleguide"] == 0.5
        assert report["ratios"]["vs_post_office_tuned_0ms"] is None

    def test_says_what_is_reached_and_what_is_missed(self) -> None:
        lines = {line.split()[0]: line.split()[-1] for line in table(_results()) if ", aim " in line}
        assert lines["vs_styleguide_0ms"] == "reached"
        assert lines["low_load_p50_vs_styleguide"] == "MISSED"

    def test_draws_a_bar_for_each(self) -> None:
        drawn = ElementTree.fromstring(chart(as_json(_results(), _about())))  # noqa: S314  drawn a moment ago
        text = " ".join(drawn.itertext())
        assert text.count(peers.OURS.title) == 2
        assert peers.STYLEGUIDE.title in text


class TestWiretap:
    def test_counts_statements_and_commits_as_the_server_does(self) -> None:
        tap = Wiretap("127.0.0.1", 9)  # nobody is asked
        session = _Session(tap)
        session.from_server(b"Z", b"I")  # the connection itself
        for text, state in ((b"BEGIN", b"T"), (b"UPDATE x", b"T"), (b"COMMIT", b"I")):
            session.from_client(b"Q", text + b"\x00")
            session.from_server(b"Z", state)
        session.from_client(b"P", b"name\x00SELECT 1\x00\x00\x00")
        session.from_client(b"B", b"\x00name\x00")
        session.from_client(b"E", b"\x00\x00\x00\x00\x00")
        session.from_server(b"Z", b"I")
        session.from_client(b"Q", b"SELECT nothing\x00")
        session.from_server(b"E", b"SERROR\x00")
        session.from_server(b"Z", b"I")
        tap.__exit__(None, None, None)
        assert (tap.counts.statements, tap.counts.commits) == (5, 3)
        assert tap.counts.texts["SELECT 1"] == 1


def _cell(who: str, latency: str, rate: float) -> Cell:
    return Cell(who, latency, 100, 1, rate, 1, 1, 4, 4, 0, 0, recorded=True)


def _results() -> Results:
    results = Results()
    for rate in (1000, 2000, 3000):
        results.cells["ours", "0"].append(_cell("ours", "0", rate))
        results.cells["styleguide", "0"].append(_cell("styleguide", "0", 100))
    results.cells["ours", "50"].append(_cell("ours", "50", 1152))
    results.low_load["ours", "0"].append([4, 5, 6])
    results.low_load["styleguide", "0"].append([9, 10, 11])
    results.enqueue.update(ours=[50_000], styleguide=[500])
    results.titles.update(ours=peers.OURS.title, styleguide=peers.STYLEGUIDE.title)
    results.connections.update(ours=64, styleguide=4)
    return results


def _about() -> dict[str, object]:
    return {"cpus": 2, "rounds": 3}
