"""What a worker does with messages that are none: it says so in the log, changes nothing, and goes on."""

from pathlib import Path

import pytest

from config.tests.security.foreign import forge_headers, forge_other_types, forge_shapes, forge_too_large
from config.tests.security.forging import Lives

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

#: Longer than any line that a person wants to read, and far shorter than what was sent.
LINE_LENGTH_MAX = 10_000


class TestWorker:
    def test_reads_nothing_but_json(self, lives: Lives, tmp_path: Path) -> None:
        bomb = tmp_path / "exploded"

        to_refuse = forge_other_types(bomb)

        assert lives().count("message_refused") == to_refuse > 0
        assert not bomb.exists()

    def test_outlives_bodies_that_are_no_call(self, lives: Lives) -> None:
        to_refuse = forge_shapes()

        assert lives().count("message_refused") == to_refuse > 0

    def test_outlives_headers_that_are_of_no_call(self, lives: Lives) -> None:
        forge_headers()

        written = lives()

        assert "ERROR forged" not in [line[:12] for line in written.splitlines()]
        assert max(map(len, written.splitlines())) < LINE_LENGTH_MAX

    def test_refuses_what_is_too_large_in_a_short_line(self, lives: Lives) -> None:
        to_refuse = forge_too_large()

        written = lives()

        assert written.count("bytes.") == to_refuse > 0
        assert max(map(len, written.splitlines())) < LINE_LENGTH_MAX
