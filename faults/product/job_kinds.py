"""Kinds of jobs of the fault suite: the same work under different promises."""

from typing import Any

from rest_framework import serializers

from faults.product.tasks import work as work_task
from styleguide_example.jobs.enums import AtOnce
from styleguide_example.jobs.kinds import JobKind, anybody_signed_in, job_kind_register


class WorkParameters(serializers.Serializer[Any]):
    """What a body does."""

    steps = serializers.IntegerField(default=1, min_value=0)
    seconds = serializers.FloatField(default=0, min_value=0, help_text="Of each step.")
    gate = serializers.CharField(default="", allow_blank=True, help_text="It goes on when this file is there.")
    fails = serializers.BooleanField(default=False)
    scenario = serializers.CharField(default="", allow_blank=True, help_text="By it the ledger finds its jobs.")


_PROMISES: dict[str, dict[str, Any]] = {
    "fault-plain": {},
    "fault-resuming": {"may_resume": True, "attempts_max": 10},
    "fault-alone": {"at_once": AtOnce.ONE},
}

for _name, _promise in _PROMISES.items():
    job_kind_register(
        JobKind(
            name=_name,
            title="Work for the fault suite",
            task=work_task,
            parameters=WorkParameters,
            may_start=anybody_signed_in,
            tells_owner=False,
            timeout_seconds=120,
            **_promise,
        )
    )
