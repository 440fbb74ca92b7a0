"""The parts of a batch that failed: which they are, and what was asked of them."""

from typing import Any

import pytest
from django.test import Client
from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from styleguide_example.jobs.enums import JobState
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.services import job_batch_start
from styleguide_example.jobs.tests.admins import page_of, text_of
from styleguide_example.jobs.tests.factories import batch_make, kind_known
from styleguide_example.jobs.words import parameters_line
from styleguide_example.users.tests.factories import user_onboarded, user_staff

pytestmark = pytest.mark.django_db


def _batch(**fields: Any) -> Job:
    return batch_make(JobState.SUCCESS, JobState.FAILURE, JobState.SUCCESS, **fields)


class TestJobBatchStart:
    def test_numbers_the_parts(self) -> None:
        with kind_known("plain") as kind:
            batch = job_batch_start(kind=kind.name, children=[{}] * 3)
        assert sorted(batch.children.values_list("part_number", flat=True)) == [1, 2, 3]


class TestJobView:
    def test_names_each_failed_part_with_its_parameters_and_the_reason(self, client: Client) -> None:
        person = user_onboarded()
        client.force_login(person)
        batch = _batch(parent={"owner": person}, owner=person, parameters={"note": "<b>", "numbers": [13]})
        page = html.document_fromstring(client.get(f"/jobs/{batch.pk}/").content.decode())
        (listed,) = page.find_class("job-failed")
        words = " ".join(" ".join(listed.itertext()).split())
        assert words == "Part 2 of 3 note: <b>; numbers: 13 It went wrong."

    def test_says_of_a_part_which_one_it_is(self, client: Client) -> None:
        person = user_onboarded()
        client.force_login(person)
        part = _batch(parent={"owner": person}, owner=person).children.get(part_number=2)
        assert "Part 2 of <a" in client.get(f"/jobs/{part.pk}/").content.decode()


class TestJobAdmin:
    def test_names_each_failed_part_with_its_parameters_and_the_reason(self, client: Client) -> None:
        client.force_login(user_staff(is_superuser=True))
        batch = _batch(parameters={"numbers": [13]})
        part = batch.children.get(part_number=2)
        page = text_of(client.get(page_of(batch)))
        assert f'<a href="{page_of(part)}">Part 2 of 3</a>' in page
        assert "<code>numbers: 13</code>" in page
        assert "Part 2 of 3</dt>" in text_of(client.get(page_of(part)))


class TestParametersLine:
    @pytest.mark.parametrize(
        ("parameters", "line"),
        [
            ({}, ""),
            ({"numbers": [13, 14]}, "numbers: 13, 14"),
            ({"text": "two\nlines", "is_on": True, "none": None}, "text: two lines; is_on: true; none: null"),
            ({"range": {"first": 1}}, 'range: {"first": 1}'),
            ({"rows": [{"id": 1}]}, 'rows: [{"id": 1}]'),
            ([1], ""),
        ],
    )
    def test_is_short_and_plain(self, parameters: Any, line: str) -> None:
        assert parameters_line(parameters) == line

    @pytest.mark.parametrize(
        "parameters", [{"numbers": list(range(10_000))}, {"text": "x" * 10_000}, {"a": {"b": "c" * 999}}]
    )
    def test_is_cut(self, parameters: Any) -> None:
        line = parameters_line(parameters)
        assert len(line) == 80
        assert line.endswith("…")
