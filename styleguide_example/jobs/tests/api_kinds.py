"""Kinds, people and clients for the tests of the jobs' API."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rest_framework import serializers

from styleguide_example.jobs.kinds import JobKind
from styleguide_example.jobs.tests.factories import kind_known

ADDRESS = "/api/jobs/"


class ExportParameters(serializers.Serializer[Any]):
    """What the kind ``export`` takes."""

    class RangeSerializer(serializers.Serializer[Any]):
        """A nested one."""

        first = serializers.IntegerField(min_value=0)
        last = serializers.IntegerField(max_value=10**9)

    table = serializers.CharField(max_length=50)
    since = serializers.DateTimeField(required=False)
    rows = RangeSerializer(required=False)
    extra = serializers.JSONField(required=False)


@contextmanager
def export_known(**fields: Any) -> Iterator[JobKind]:
    """The kind ``export`` is known inside this block."""
    with kind_known("export", parameters=ExportParameters, **fields) as kind:
        yield kind
