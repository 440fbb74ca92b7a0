import pytest
from django.core.checks import run_checks
from pytest_django import Settings


def _errors(*, deploy: bool = False) -> set[str | None]:
    """The ids of what ``manage.py check`` complains about."""
    return {message.id for message in run_checks(include_deployment_checks=deploy)}


class TestUnknownOutcomeIsKnown:
    @pytest.mark.parametrize("policy", ["resend", "hold"])
    def test_accepts_the_two_policies(self, settings: Settings, policy: str) -> None:
        settings.EMAIL_SENDING_UNKNOWN_OUTCOME = policy
        assert "emails.E001" not in _errors()

    @pytest.mark.parametrize("policy", ["", "Resend", "drop"])
    def test_refuses_any_other_and_names_the_two(self, settings: Settings, policy: str) -> None:
        settings.EMAIL_SENDING_UNKNOWN_OUTCOME = policy
        (error,) = [error for error in run_checks() if error.id == "emails.E001"]
        assert repr(policy) in error.msg
        assert error.hint == "Use one of: resend, hold."


class TestNoFaultsOnPurpose:
    def test_refuses_them_in_a_deployment(self, settings: Settings) -> None:
        settings.EMAIL_SENDING_FAILURE_TRIGGER = True
        assert "emails.E002" in _errors(deploy=True)

    def test_allows_them_on_ones_own_machine(self, settings: Settings) -> None:
        settings.EMAIL_SENDING_FAILURE_TRIGGER = True
        assert "emails.E002" not in _errors()

    def test_is_content_without_them(self, settings: Settings) -> None:
        settings.EMAIL_SENDING_FAILURE_TRIGGER = False
        assert "emails.E002" not in _errors(deploy=True)
