import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from styleguide_example.common.tests.processes import Process, wait_until
from styleguide_example.embedded.environment import PROJECT_DIR, is_listening, without_project_variables

COMMAND = [sys.executable, "-m", "styleguide_example.embedded.run"]
Processes = Callable[[Path], list[str]]


@pytest.mark.long
@pytest.mark.processes
class TestRun:
    def test_keeps_everything_up_until_it_is_asked_to_stop(
        self, tmp_path: Path, port: int, processes_of: Processes
    ) -> None:
        environment = {
            **without_project_variables(os.environ),
            "ENV_FILE": os.devnull,
            "VAR_DIR": str(tmp_path),
            "PORT": str(port),
        }
        running = Process(COMMAND, environment)
        running.wait_for_line("Ctrl-C stops everything", timeout=180)
        assert f"Open http://localhost:{port}/" in running.output
        wait_until(lambda: "admin@example.com, password" in running.output)  # another thread prints it
        assert is_listening("127.0.0.1", port)

        self._refuses_a_second_one(environment)
        os.kill(running.pid, signal.SIGINT)
        wait_until(lambda: "Stopped. Nothing was left running." in running.output, timeout=90)
        running.stop()

        wait_until(lambda: processes_of(tmp_path) == [], timeout=10)  # what was killed needs a moment to be gone

    def _refuses_a_second_one(self, environment: dict[str, str]) -> None:
        second = subprocess.run(  # noqa: S603  the test's own
            COMMAND, cwd=PROJECT_DIR, env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert second.returncode == 1
        assert "Another `make run` uses" in second.stderr
