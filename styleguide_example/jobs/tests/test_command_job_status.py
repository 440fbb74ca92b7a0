"""``manage.py job_status``."""

import json
import uuid
from collections.abc import Iterator
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from styleguide_example.jobs.enums import JobState
from styleguide_example.jobs.management.commands.job_status import STILL_WAITING
from styleguide_example.jobs.tests.factories import JobFactory, batch_make, job_ended_make, job_running_make, kind_known

pytestmark = [pytest.mark.once, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def kind() -> Iterator[None]:
    with kind_known("count"):
        yield


def _run(*words: str) -> tuple[int, str]:
    output = StringIO()
    try:
        call_command("job_status", *words, stdout=output, no_color=True)
    except SystemExit as ended:
        return int(ended.code or 0), output.getvalue()
    return 0, output.getvalue()


class TestText:
    def test_tells_how_far_it_is(self) -> None:
        job = job_running_make(
            state=JobState.PROGRESS, progress_message="Reading", parameters={"path": "/data", "numbers": [1, 2]}
        )
        code, said = _run(str(job.pk))
        lines = said.splitlines()
        assert code == 0
        assert lines[0] == f"Job {job.pk}: ▶ Running"
        assert "  Kind       Do count (count)" in lines
        assert "  Parameters path: /data; numbers: 1, 2" in lines
        assert "  Progress   25 % (1 of 4)" in lines
        assert "  Says       Reading" in lines
        assert "  Worker     worker@tests" in lines
        assert any(line.endswith("UTC Written") for line in lines)

    def test_tells_what_came_of_it(self) -> None:
        done = job_ended_make(result={"rows": 1200})
        assert "  Result     Rows: 1,200" in _run(str(done.pk))[1].splitlines()
        failed = job_ended_make(JobState.FAILURE, traceback="ValueError: x")
        said = _run(str(failed.pk))[1]
        assert "  Error      It went wrong." in said
        assert "ValueError" not in said
        assert "ValueError: x" in _run(str(failed.pk), "-v", "2")[1]

    def test_of_a_batch_counts_its_parts(self) -> None:
        batch = batch_make(JobState.SUCCESS, JobState.PENDING)
        assert "50 % (1 of 2" in _run(str(batch.pk))[1]


class TestJson:
    def test_holds_everything(self) -> None:
        job = job_ended_make(JobState.FAILURE)
        document = json.loads(_run(str(job.pk), "--format", "json")[1])
        assert (document["id"], document["state"], document["priority"]) == (str(job.pk), "FAILURE", "normal")
        assert document["error"]["code"] == "failed"
        assert document["finished_at"].endswith("+00:00")


class TestWait:
    @pytest.mark.parametrize(
        ("state", "code"), [(JobState.SUCCESS, 0), (JobState.FAILURE, 1), (JobState.PENDING, STILL_WAITING)]
    )
    def test_exits_by_how_it_ended(self, state: JobState, code: int) -> None:
        assert _run(str(JobFactory.create(state=state).pk), "--wait", "0.01")[0] == code


class TestUnknown:
    @pytest.mark.parametrize("text", ["17", str(uuid.UUID(int=1))])
    def test_is_refused(self, text: str) -> None:
        with pytest.raises(CommandError, match="There is no job"):
            _run(text)
