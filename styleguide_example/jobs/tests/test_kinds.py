import math
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Permission
from rest_framework import serializers

from styleguide_example.core.enums import Priority
from styleguide_example.jobs.enums import AtOnce
from styleguide_example.jobs.exceptions import JobKindUnknownError, JobParametersInvalidError
from styleguide_example.jobs.kinds import (
    JobKind,
    anybody_signed_in,
    holders_of,
    job_kind_find,
    job_kind_forget,
    job_kind_get,
    job_kind_register,
    job_kinds,
    nobody,
)
from styleguide_example.jobs.tests.factories import count, kind_known
from styleguide_example.jobs.tests.work import WorkParameters
from styleguide_example.users.tests.factories import user_confirmed


def _kind(**fields: Any) -> JobKind:
    return JobKind(**{"name": "export", "title": "Export", "task": count, **fields})


class TestJobKind:
    @pytest.mark.parametrize("name", ["", "Export", "export_all", "export/all", "-export", "1export", "export-", "é"])
    def test_has_a_name_that_can_be_part_of_an_address(self, name: str) -> None:
        with pytest.raises(ValueError, match="address"):
            _kind(name=name)

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"at_once": AtOnce.ONE_PER_KEY}, "exactly where"),
            ({"at_once": AtOnce.ONE, "key": ("path",), "parameters": WorkParameters}, "exactly where"),
            ({"at_once": AtOnce.ONE_PER_KEY, "key": ("pth",), "parameters": WorkParameters}, "pth"),
            ({"at_once": AtOnce.ONE_PER_KEY, "key": ("path",)}, "path"),
            ({"priority": Priority.RESERVED}, "reserved"),
            ({"attempts_max": 0}, "at least 1"),
            ({"timeout_seconds": 0}, "at least 1"),
        ],
        ids=str,
    )
    def test_refuses_what_could_not_work(self, wrong: dict[str, Any], said: str) -> None:
        with pytest.raises(ValueError, match=said):
            _kind(**wrong)

    def test_promises_nothing_that_it_does_not_say(self) -> None:
        kind = _kind()
        assert kind.may_start is nobody
        assert not kind.may_resume
        assert kind.at_once is AtOnce.ANY


class TestParametersChecked:
    def test_are_plain_json(self) -> None:
        class Parameters(serializers.Serializer[Any]):
            day = serializers.DateField()
            amount = serializers.DecimalField(max_digits=5, decimal_places=2)

        checked = _kind(parameters=Parameters).parameters_checked({"day": "2026-02-03", "amount": "1.50"})
        assert checked == {"day": "2026-02-03", "amount": "1.50"}

    @pytest.mark.parametrize("value", ["nan", "inf", math.inf])
    def test_are_no_numbers_that_json_does_not_know(self, value: Any) -> None:
        class Parameters(serializers.Serializer[Any]):
            ratio = serializers.FloatField()

        with pytest.raises(JobParametersInvalidError):
            _kind(parameters=Parameters).parameters_checked({"ratio": value})

    @pytest.mark.parametrize("text", ["a\x00b", "a\ud800b", "\\\x00"])
    @pytest.mark.parametrize("inside", ["value", "name"])
    def test_are_no_text_that_no_database_can_keep(self, text: str, inside: str) -> None:
        class Parameters(serializers.Serializer[Any]):
            anything = serializers.JSONField()

        anything = [text] if inside == "value" else {text: 1}
        with pytest.raises(JobParametersInvalidError):
            _kind(parameters=Parameters).parameters_checked({"anything": anything})

    def test_say_what_is_wrong_with_each_in_the_error(self) -> None:
        class Parameters(serializers.Serializer[Any]):
            numbers = serializers.ListField(child=serializers.IntegerField())
            shown = serializers.CharField(read_only=True)

        with pytest.raises(JobParametersInvalidError) as caught:
            _kind(parameters=Parameters).parameters_checked({"numbers": [1, "x"], "shown": "", "y": 1})
        unknown = ["This kind takes no such parameter."]
        assert caught.value.errors == {"shown": unknown, "y": unknown, "numbers.1": ["A valid integer is required."]}
        assert str(caught.value).endswith(
            "y: This kind takes no such parameter. numbers.1: A valid integer is required."
        )

    def test_may_spell_such_a_text(self) -> None:
        class Parameters(serializers.Serializer[Any]):
            anything = serializers.JSONField()

        checked = _kind(parameters=Parameters).parameters_checked({"anything": "\\u0000 and \\ud800"})
        assert checked == {"anything": "\\u0000 and \\ud800"}


class TestJobKinds:
    def test_are_found_by_name(self) -> None:
        with kind_known("export") as kind:
            assert job_kind_get("export") is job_kind_find("export") is kind
            assert kind in job_kinds()
        assert job_kind_find("export") is None
        with pytest.raises(JobKindUnknownError, match="export"):
            job_kind_get("export")

    def test_have_names_of_their_own(self) -> None:
        with kind_known("export"), pytest.raises(ValueError, match="Two kinds"):
            job_kind_register(_kind())

    def test_bear_to_be_registered_twice(self) -> None:
        with kind_known("export") as kind:
            assert job_kind_register(kind) is kind

    def test_bear_to_be_forgotten_twice(self) -> None:
        kind = job_kind_register(_kind())
        job_kind_forget(kind)
        job_kind_forget(kind)

    def test_are_sorted_by_name(self) -> None:
        with kind_known("b"), kind_known("a"):
            names = [kind.name for kind in job_kinds()]
        assert names == sorted(names)


@pytest.mark.django_db
class TestWhoMayStart:
    def test_is_nobody_or_everybody_with_an_account(self) -> None:
        ada, gone = user_confirmed(), user_confirmed(is_active=False)
        assert not nobody(ada)
        assert [anybody_signed_in(person) for person in (ada, gone, AnonymousUser())] == [True, False, False]

    def test_is_who_holds_a_permission(self) -> None:
        ada, bob = user_confirmed(), user_confirmed()
        ada.user_permissions.add(Permission.objects.get(codename="control_jobs"))
        may = holders_of("jobs.control_jobs")
        assert [may(person) for person in (ada, bob, AnonymousUser())] == [True, False, False]
