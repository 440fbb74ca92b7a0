"""A small disk is full when it is said to be, and is never left behind."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.database import SQLiteDatabase
from faults.processes import wait_until
from faults.shortages import SmallDisk

pytestmark = pytest.mark.once

_FOREVER = "import sys, time; from pathlib import Path; from faults.shortages import SmallDisk\n"
_FOREVER += "SmallDisk(Path(sys.argv[1]), megabytes=1); print('mounted', flush=True); time.sleep(60)"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    small = SmallDisk(tmp_path / "small", megabytes=1)
    yield small
    small.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
class TestSmallDisk:
    def test_takes_not_one_byte_more_when_it_is_full(self, disk: SmallDisk) -> None:
        disk.fill()
        with pytest.raises(OSError, match="No space left") as refused:
            (disk.path / "more").write_bytes(b"x")
        assert refused.value.errno == errno.ENOSPC

    def test_takes_something_again_when_it_was_freed(self, disk: SmallDisk) -> None:
        disk.fill()
        disk.free()
        (disk.path / "more").write_bytes(b"x")
        assert (disk.path / "more").read_bytes() == b"x"

    def test_is_gone_when_it_is_closed(self, tmp_path: Path) -> None:
        small = SmallDisk(tmp_path / "small", megabytes=1)
        assert small.path.is_mount()
        small.close()
        assert not small.path.is_mount()

    def test_is_gone_when_its_process_was_killed(self, tmp_path: Path) -> None:
        path = tmp_path / "small"
        command = [sys.executable, "-c", _FOREVER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  our own
            assert process.stdout is not None
            assert process.stdout.readline() == "mounted\n"
            assert path.is_mount()
            process.kill()
        wait_until(lambda: not path.is_mount(), what="the small disk to be unmounted")


class TestSQLiteDatabase:
    def test_begins_anew_with_what_was_kept_where_it_moved_to(self, tmp_path: Path) -> None:
        database = SQLiteDatabase(tmp_path)
        database.execute("CREATE TABLE kept (number INTEGER)")
        database.keep()
        database.execute("INSERT INTO kept VALUES (1)")
        there = tmp_path / "there"
        there.mkdir()
        database.move(there)
        database.fresh("copy")
        assert database.rows("SELECT * FROM kept") == []
        assert database.url == f"sqlite:///{there / 'copy.sqlite3'}"
