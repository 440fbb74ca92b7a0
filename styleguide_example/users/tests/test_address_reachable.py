import pytest
from django.core.exceptions import ValidationError

from styleguide_example.users.models import address_reachable


class TestAddressReachable:
    @pytest.mark.parametrize(
        "address",
        [
            "ada@example.com",
            "ADA+notes@Example.com",
            "o'hara@example.com",
            "ada@bücher.example",
            "ada@xn--bcher-kva.example",
            "ada@xn--fa-hia.de",
        ],
    )
    def test_takes_what_can_be_written_to(self, address: str) -> None:
        address_reachable(address)

    @pytest.mark.parametrize(
        "domain",
        [
            "ex\u00adample.com",
            "ex\u200dample.com",
            "ex\u2060ample.com",
            "example\u3002com",
            "faß.de",
            "אa.com",
            f"{'ü' * 63}.com",
            "\ud800.com",
        ],
    )
    def test_refuses_a_domain_that_email_would_not_reach_as_it_is_written(self, domain: str) -> None:
        with pytest.raises(ValidationError, match="xn--") as refused:
            address_reachable(f"ada@{domain}")

        assert refused.value.code == "domain"

    @pytest.mark.parametrize("local", ['""', '"ada"', '"a b"', '"\x01"', '"a@b"', '"'])
    def test_refuses_quotation_marks_plainly(self, local: str) -> None:
        with pytest.raises(ValidationError, match="quotation marks") as refused:
            address_reachable(f"{local}@example.com")

        assert refused.value.code == "quoted"

    @pytest.mark.parametrize(
        "address",
        ["", '"', "ada", "ada@", "@a.com", "Ada <ada@a.com>", "ä@a.com", "a\x00@a.com", "a@a.com, b@b.com"],
    )
    def test_refuses_what_is_not_an_address(self, address: str) -> None:
        with pytest.raises(ValidationError, match=r"name@example\.com"):
            address_reachable(address)
