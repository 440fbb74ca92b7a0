import json
import os
import subprocess
import sys

import pytest

from styleguide_example.common.tests.databases import database_url
from styleguide_example.common.tests.processes import ROOT
from styleguide_example.emails.models import Email

pytestmark = [pytest.mark.long, pytest.mark.no_services, pytest.mark.processes, pytest.mark.django_db(transaction=True)]

EMAILS = 6000
#: The rows of one chunk, twice, and what an allocator keeps. Six thousand of them would be ten times as much.
GROWTH_MB = 15
#: ``python -m benchmarks.email_writing`` measures a hundred thousand.
LIMIT_MB = 200


class TestMemory:
    def test_of_a_process_that_writes_many_emails_does_not_grow_with_their_number(self) -> None:
        command = [sys.executable, "-m", "benchmarks.email_writing", "--here", str(EMAILS)]
        environment = {**os.environ, "DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": "config.django.test"}
        child = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)  # noqa: S603
        result = json.loads(child.stdout)

        assert result["written"] == EMAILS == Email.objects.count()
        assert result["peak_mb"] - result["settled_mb"] < GROWTH_MB
        assert result["peak_mb"] < LIMIT_MB
