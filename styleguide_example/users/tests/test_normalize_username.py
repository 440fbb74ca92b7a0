import pytest

from styleguide_example.users.models import User


class TestNormalizeUsername:
    @pytest.mark.parametrize(
        ("written", "stored"),
        [
            (" Ada@Example.COM\n", "ada@example.com"),
            ("ada@bücher.example", "ada@xn--bcher-kva.example"),
            ("ada@BÜCHER.example", "ada@xn--bcher-kva.example"),
            ("ada@bu\u0308cher.example", "ada@xn--bcher-kva.example"),
            ("ada@XN--BCHER-KVA.example", "ada@xn--bcher-kva.example"),
            ("ada@例え.テスト", "ada@xn--r8jz45g.xn--zckzah"),
            ("ada\uff20\uff45xample.com", "ada@example.com"),
        ],
    )
    def test_returns_the_one_form_that_is_stored(self, written: str, stored: str) -> None:
        assert User.normalize_username(written) == stored
        assert User.normalize_username(stored) == stored

    @pytest.mark.parametrize(
        "written",
        [
            "victim@ex\u00adample.com",
            "victim@ex\u200dample.com",
            "victim@ex\u2060ample.com",
            "victim@example\u3002com",
            "ada@faß.de",
            "ada@βόλος.example",
        ],
    )
    def test_never_turns_one_domain_into_another(self, written: str) -> None:
        assert User.normalize_username(written) == written

    @pytest.mark.parametrize(
        "written",
        ["", "@", "ada", "ada@", "@bücher.example", "a@אa.com", f"a@{'ü' * 63}.com", "a@ü..com", "a@\ud800.com"],
    )
    def test_never_fails(self, written: str) -> None:
        assert User.normalize_username(written).startswith(written.partition("@")[0])

    def test_leaves_alone_what_is_too_long_for_a_domain(self) -> None:
        written = f"ada@{'ü.' * 200}example"

        assert User.normalize_username(written) == written
