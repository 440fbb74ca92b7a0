"""The plan of a seed, what follows it, and each invariant that is checked afterwards: that it can be broken."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from faults import __main__ as cli
from faults import invariants, scorecard
from faults.breakages import MAKERS
from faults.invariants import Arrival, EmailNow, JobNow, RunNow, Trouble
from faults.plans import CABLE, COMPONENTS, CUT_OFF, KINDS, Fault, plan
from faults.profiles import RABBITMQ
from faults.tests.outcomes import line_held

HOUR = 3_600


class TestOptions:
    def test_ask_for_the_run_of_a_seed(self) -> None:
        options = cli.options_read(["--random", "60", "--seed", "7"])
        (chosen,) = cli.chosen(options)
        assert chosen.title == "Chance breaks things for 60 s, seed 7"
        assert cli.profiles(options) == [RABBITMQ]

    def test_refuse_a_seed_of_nothing(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            cli.options_read(["--seed", "7"])
        assert "--seed belongs to --random SECONDS" in capsys.readouterr().err

    def test_name_the_command_that_repeats_it(self) -> None:
        (chosen,) = cli.chosen(cli.options_read(["--random", "60", "--seed", "7"]))
        (found,) = scorecard.as_json([replace(line_held(profile=RABBITMQ), scenario=chosen)])["lines"]
        assert found["command"] == 'make faults ARGS="--random 60 --seed 7 --profile postgresql-rabbitmq"'
        assert found["fault"].startswith("Kill, stop, cut off")

    def test_name_a_seed_where_none_is_given(self) -> None:
        titles = {cli.chosen(cli.options_read(["--random", "60"]))[0].title for _ in range(5)}
        assert len(titles) > 1

    def test_leave_the_scorecard_alone(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(scorecard, "DATA", tmp_path / "scorecard.json")
        cli.report(cli.options_read(["--random", "60"]), [line_held()])
        assert list(tmp_path.iterdir()) == []


class TestPlan:
    def test_is_the_same_for_the_same_seed(self) -> None:
        assert plan(7, seconds=600) == plan(7, seconds=600)

    def test_is_another_one_for_another_seed(self) -> None:
        assert plan(7, seconds=600) != plan(8, seconds=600)

    def test_of_a_short_run_is_the_beginning_of_a_long_one(self) -> None:
        short, long = plan(7, seconds=60), plan(7, seconds=600)
        assert short == long[: len(short)]
        assert 5 < len(short) < len(long)

    def test_ends_each_fault_within_the_run(self) -> None:
        assert max(fault.ends_at for fault in plan(7, seconds=600)) <= 600

    def test_has_every_kind_on_everything_that_it_may_befall(self) -> None:
        wanted = {(kind.name, target) for kind in KINDS for target in kind.targets}
        assert {(fault.kind, fault.target) for fault in plan(7, seconds=3 * HOUR)} == wanted

    def test_has_faults_that_meet_but_never_two_on_one_target(self) -> None:
        faults = plan(7, seconds=HOUR)
        met = [
            (one, other) for one in faults for other in faults if one.number < other.number and other.at < one.ends_at
        ]
        assert met
        assert [pair for pair in met if _befallen(pair[0]) == _befallen(pair[1])] == []

    def test_stops_what_holds_leases_for_shorter_and_for_longer_than_they_last(self) -> None:
        stops = [
            fault.seconds
            for fault in plan(7, seconds=HOUR)
            if fault.kind.startswith("stop") and "worker" in fault.target
        ]
        assert min(stops) < 4
        assert max(stops) > 10

    def test_can_be_made_as_it_says(self) -> None:
        wanted = {
            ("component" if target in COMPONENTS else target, kind.name) for kind in KINDS for target in kind.targets
        }
        assert wanted == MAKERS.keys()


def _befallen(fault: Fault) -> str:
    return CUT_OFF if fault.target == CABLE else fault.target


SENT = EmailNow("p1@r.example", "<1@x>", "sent", attempts=2, sent_at=101.0)
ONCE = [Arrival("p1@r.example", "<1@x>", at=100.0)]
TWICE = [*ONCE, Arrival("p1@r.example", "<1@x>", at=103.0)]
KILL = Trouble(101.0, 101.0)


class TestEmails:
    @pytest.mark.parametrize("arrivals", [ONCE, TWICE])
    def test_may_come_twice_when_a_worker_died_in_between(self, arrivals: Sequence[Arrival]) -> None:
        assert invariants.emails_problems([SENT], arrivals, [KILL], on_the_wire=1) == []

    def test_may_come_after_their_record_from_a_worker_that_was_stopped(self) -> None:
        late = [*ONCE, Arrival(SENT.address, SENT.message_id, at=120.0)]
        stop = Trouble(100.5, 119.0, comes_back=True)
        assert invariants.emails_problems([SENT], late, [stop], on_the_wire=1) == []
        assert invariants.emails_problems([SENT], late, [replace(stop, comes_back=False)], on_the_wire=1) == [
            "1 came after their record without a fault: p1@r.example"
        ]

    @pytest.mark.parametrize(
        ("emails", "arrivals", "problem"),
        [
            ([SENT, SENT], ONCE, "1 have more than one row: p1@r.example"),
            ([], ONCE, "1 arrived and have no row: p1@r.example"),
            ([replace(SENT, is_leased=True)], ONCE, "1 still have a lease: p1@r.example"),
            ([SENT], [], "1 are SENT and never arrived: p1@r.example"),
            ([replace(SENT, status="failed", sent_at=None)], ONCE, "1 arrived and are not SENT: p1@r.example"),
            ([replace(SENT, attempts=1)], TWICE, "1 came oftener than they were tried: p1@r.example"),
            ([replace(SENT, message_id="<2@x>")], ONCE, "1 came under another Message-ID: p1@r.example"),
        ],
    )
    def test_are_counted_against_their_rows(
        self, emails: Sequence[EmailNow], arrivals: Sequence[Arrival], problem: str
    ) -> None:
        assert invariants.emails_problems(emails, arrivals, [KILL], on_the_wire=1) == [problem]

    @pytest.mark.parametrize("trouble", [Trouble(50.0, 60.0), Trouble(104.0, 110.0)])
    def test_may_not_come_twice_because_of_a_fault_before_or_after(self, trouble: Trouble) -> None:
        assert invariants.emails_problems([SENT], TWICE, [trouble], on_the_wire=1) == [
            "1 came twice without a fault in between: p1@r.example"
        ]

    def test_may_not_come_twice_more_often_than_they_were_on_the_wire(self) -> None:
        assert invariants.emails_problems([SENT], TWICE, [KILL], on_the_wire=0) == [
            "1 e-mails came twice, 0 were on the wire when something was broken"
        ]


JOB = JobNow("j1", "fault-plain", "SUCCESS", 1, "", started_at=100.0, finished_at=102.0, begun=1, done=1)
LOST = replace(JOB, state="FAILURE", error_code="worker_lost", done=0)


class TestJobs:
    @pytest.mark.parametrize(
        "job",
        [
            JOB,
            LOST,
            replace(JOB, kind="fault-resuming", attempts=3, begun=3, done=2),
            replace(JOB, state="FAILURE", is_to_fail=True, error_code="one_of_those", done=0),
            replace(JOB, state="REVOKED", attempts=0, begun=0, done=0, started_at=None),
        ],
    )
    def test_may_end_so(self, job: JobNow) -> None:
        assert invariants.jobs_problems([job], [KILL]) == []

    @pytest.mark.parametrize(
        ("job", "problem"),
        [
            (replace(JOB, begun=2, attempts=2), "1 may not be begun again and were: j1"),
            (replace(JOB, kind="fault-resuming", begun=2), "1 began oftener than they were claimed: j1"),
            (replace(LOST, begun=0, done=1), "1 came to their end oftener than they began: j1"),
            (replace(JOB, done=0), "1 are SUCCESS and never came to their end: j1"),
            (replace(JOB, is_to_fail=True), "1 are SUCCESS and were to fail: j1"),
            (replace(LOST, started_at=300.0, finished_at=310.0), "1 failed without a fault: j1"),
            (replace(LOST, error_code=""), "1 failed and do not say why: j1"),
        ],
    )
    def test_may_not_end_so(self, job: JobNow, problem: str) -> None:
        assert invariants.jobs_problems([job], [KILL]) == [problem]


class TestRuns:
    def test_run_once_and_again_when_their_worker_was_lost(self) -> None:
        runs = [RunNow("r1", "success", attempts=1, ticks=1), RunNow("r2", "success", attempts=2, ticks=2)]
        assert invariants.runs_problems(runs) == []

    @pytest.mark.parametrize(
        ("run", "problem"),
        [
            (RunNow("r1", "success", attempts=1, ticks=0), "1 have succeeded and never ran: r1"),
            (RunNow("r1", "success", attempts=1, ticks=2), "1 ran oftener than they were claimed: r1"),
        ],
    )
    def test_do_not_run_otherwise(self, run: RunNow, problem: str) -> None:
        assert invariants.runs_problems([run]) == [problem]

    def test_have_a_row_each(self) -> None:
        assert invariants.runs_problems([], {"r9"}) == ["1 ran and have no row: r9"]


class TestEnds:
    def test_stay_as_they_were_seen(self) -> None:
        seen = {"e-mail 1": ("sent", 1, 100.0)}
        assert invariants.ends_problems(seen, {**seen, "e-mail 2": ("sent", 1, 101.0)}) == []
        assert invariants.ends_problems(seen, {"e-mail 1": ("sent", 2, 100.0)}) == ["1 had ended and changed: e-mail 1"]
        assert invariants.ends_problems(seen, {}) == ["1 had ended and changed: e-mail 1"]


def test_a_process_that_nobody_looks_after_is_named() -> None:
    assert invariants.strangers_problems(["12 celery worker"]) == [
        "1 are processes of ours that nobody looks after: 12 celery worker"
    ]
