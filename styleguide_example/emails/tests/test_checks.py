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


class TestFallbacksEnd:
    @staticmethod
    def _servers(**fallbacks: str) -> dict[str, dict[str, str]]:
        return {alias: {"host": "mail.example.com", "fallback": fallback} for alias, fallback in fallbacks.items()}

    @pytest.mark.parametrize(
        "fallbacks",
        [{}, {"default": ""}, {"default": "backup", "backup": ""}, {"a": "b", "b": "default", "default": "c", "c": ""}],
    )
    def test_accepts_chains_that_end(self, settings: Settings, fallbacks: dict[str, str]) -> None:
        settings.EMAIL_SENDING_SERVERS = self._servers(**fallbacks)
        assert "emails.E003" not in _errors()

    @pytest.mark.parametrize(
        ("fallbacks", "sentence"),
        [
            ({"a": "a"}, "from the mail server 'a' to 'a' again"),
            ({"default": "a", "a": "default"}, "from the mail server 'default' to 'default' again"),
            ({"default": "a", "a": "b", "b": "a"}, "from the mail server 'default' to 'a' again"),
            ({"a": "other"}, "from the mail server 'a' to 'other', which is no server"),
        ],
    )
    def test_refuses_chains_that_do_not(self, settings: Settings, fallbacks: dict[str, str], sentence: str) -> None:
        settings.EMAIL_SENDING_SERVERS = self._servers(**fallbacks)
        messages = [error.msg for error in run_checks() if error.id == "emails.E003"]
        assert messages[0] == f"EMAIL_FALLBACKS leads {sentence}."


class TestPasswordsAreEncrypted:
    @staticmethod
    def _server(**values: object) -> dict[str, dict[str, object]]:
        return {"marketing": {"host": "mail.example.com", "password": "hunter2", **values}}

    @pytest.mark.parametrize("values", [{"use_tls": True}, {"use_ssl": True}, {"password": ""}, {"host": "127.0.0.1"}])
    def test_accepts_tls_and_no_password_and_this_machine(self, settings: Settings, values: dict[str, object]) -> None:
        settings.EMAIL_SENDING_SERVERS = self._server(**values)
        assert "emails.W001" not in _errors(deploy=True)

    def test_warns_of_a_password_in_the_clear(self, settings: Settings) -> None:
        settings.EMAIL_SENDING_SERVERS = self._server()
        (warning,) = [message for message in run_checks(include_deployment_checks=True) if message.id == "emails.W001"]
        assert "'marketing'" in warning.msg
        assert "hunter2" not in str(warning)

    def test_looks_at_the_default_server_too(self, settings: Settings) -> None:
        settings.EMAIL_HOST, settings.EMAIL_HOST_PASSWORD = "mail.example.com", "hunter2"
        assert "emails.W001" in _errors(deploy=True)
        assert "emails.W001" not in _errors()
        settings.EMAIL_USE_TLS = True
        assert "emails.W001" not in _errors(deploy=True)
