"""What the product looks at when it starts: decisions of production, and settings that do not fit together."""

import os
import runpy
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

import config.env
from config.django import base
from config.env import BASE_DIR
from config.tests.bad_input.checking import case, says
from styleguide_example.embedded import run

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("production")]

SECRET = "s3cr3t"


@pytest.mark.parametrize(
    ("name", "value", "fragments"),
    [
        case("a key from the repository", "SECRET_KEY", "not-a-secret", ["SECRET_KEY is the one from the repository"]),
        case("any host", "ALLOWED_HOSTS", "*", ["ALLOWED_HOSTS must name the hosts"]),
        case(
            "links that anybody reads",
            "APP_BASE_URL",
            "http://app.example.com",
            ["APP_BASE_URL must begin with https://"],
        ),
        case("e-mails into memory", "EMAIL_URL", "memorymail://", ["EMAIL_URL must be a mail server"]),
    ],
)
def test_production_refuses(monkeypatch: pytest.MonkeyPatch, name: str, value: str, fragments: list[str]) -> None:
    monkeypatch.setenv(name, value)
    monkeypatch.setattr(base, name, [value] if name == "ALLOWED_HOSTS" else value, raising=False)
    with pytest.raises(ImproperlyConfigured) as raised:
        runpy.run_path(str(BASE_DIR / "config/django/production.py"))
    says(str(raised.value), *fragments)


@pytest.mark.parametrize(
    ("changes", "id_", "fragments"),
    [
        case(
            "a policy that there is not",
            {"EMAIL_SENDING_UNKNOWN_OUTCOME": "drop"},
            "emails.E001",
            ["EMAIL_SENDING_UNKNOWN_OUTCOME is 'drop'", "resend, hold"],
        ),
        case(
            "a sender that is a word",
            {"DEFAULT_FROM_EMAIL": "Fieldnote"},
            "emails.E004",
            ["DEFAULT_FROM_EMAIL is 'Fieldnote'", "Name <name@example.com>"],
        ),
        case(
            "a sender without a domain",
            {"DEFAULT_FROM_EMAIL": "hello@"},
            "emails.E004",
            ["DEFAULT_FROM_EMAIL", "name@example.com"],
        ),
        case(
            "a task longer than its lease",
            {"CELERY_TASK_TIME_LIMIT": 500},
            "tasks.E002",
            ["CELERY_TASK_TIME_LIMIT_SECONDS < EMAIL_SENDING_LEASE_SECONDS"],
        ),
        case(
            "a soft limit after the hard one",
            {"CELERY_TASK_SOFT_TIME_LIMIT": 101},
            "tasks.E002",
            ["CELERY_TASK_SOFT_TIME_LIMIT_SECONDS <"],
        ),
        case(
            "a heartbeat longer than its lease",
            {"JOB_HEARTBEAT_SECONDS": 60},
            "tasks.E004",
            ["JOB_LEASE_SECONDS must be at least twice JOB_HEARTBEAT_SECONDS"],
        ),
        case(
            "fallbacks in a circle",
            {"EMAIL_SENDING_SERVERS": {"default": {"fallback": "b"}, "b": {"fallback": "default", "host": "b"}}},
            "emails.E003",
            ["EMAIL_FALLBACKS leads", "must end at a server that has no fallback"],
        ),
        case(
            "faults on purpose",
            {"EMAIL_SENDING_FAILURE_TRIGGER": True},
            "emails.E002",
            ["EMAIL_SENDING_FAILURE_TRIGGER", "Remove it from the environment"],
        ),
        case(
            "a password that everybody reads",
            {"EMAIL_HOST": "mail.example.com", "EMAIL_HOST_PASSWORD": SECRET},
            "emails.W001",
            ["is sent without TLS", "smtp+tls://"],
        ),
    ],
)
def test_checks_refuse(settings: Settings, changes: dict[str, Any], id_: str, fragments: list[str]) -> None:
    for name, value in changes.items():
        setattr(settings, name, value)
    found = [message for message in run_checks(include_deployment_checks=True) if message.id == id_]
    assert found
    says(f"{found[0].msg} {found[0].hint}", *fragments)
    assert SECRET not in str(found)


def test_a_folder_that_cannot_be_made_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config.env, "VAR_DIR", Path(os.devnull) / "var")
    monkeypatch.setenv("DATABASE_URL", "")
    with pytest.raises(ImproperlyConfigured) as raised:
        runpy.run_path(str(BASE_DIR / "config/settings/database.py"))
    says(str(raised.value), f"VAR_DIR: {os.devnull}/var cannot be made", "Name a folder that can be written to")


@pytest.mark.parametrize("port", [case("a port in words", "http"), case("a port that there is not", "70000")])
def test_the_stack_on_this_machine_refuses(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("PORT", port)
    with pytest.raises(ImproperlyConfigured, match=f"^PORT is '{port}': write"):
        run._embedded_commands()
