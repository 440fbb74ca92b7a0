"""What an operator writes into EMAIL_LIMITS."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from config.email_limits import Limits, email_limits
from styleguide_example.emails.limits import Limit, limit_for

SERVERS = ["default", "marketing"]


class TestEmailLimits:
    @pytest.mark.parametrize(
        ("text", "limits"),
        [
            ("", {}),
            (" ; \n", {}),
            ("default=50/s", {"default": (50.0, None)}),
            ("default = 0.5 / s , 1 connection", {"default": (0.5, 1)}),
            ("default=20 connections,3000/min", {"default": (50.0, 20)}),
            ("marketing=7200/h;default=2Connections", {"marketing": (2.0, None), "default": (None, 2)}),
            (
                "default/Gmail.com=5/s\ndefault/*=3connections",
                {"default/gmail.com": (5.0, None), "default/*": (None, 3)},
            ),
            ("default/bücher.example=1/s", {"default/xn--bcher-kva.example": (1.0, None)}),
        ],
    )
    def test_understands(self, text: str, limits: Limits) -> None:
        assert email_limits(text, servers=SERVERS) == limits

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("50/s", "it has no '='"),
            ("defualt=50/s", "'defualt' is no server: name one of default, marketing"),
            ("/gmail.com=50/s", "'' is no server"),
            ("default=", "'' is neither like '50/s'"),
            ("default=fast", "'fast' is neither like '50/s' (or /min, /h) nor like '20 connections'"),
            ("default=-1/s", "'-1/s' is neither"),
            ("default=5/s,", "'' is neither"),
            ("default=5/day", "'5/day' is neither"),
            ("default=0/s", "with 0 nothing would ever be sent"),
            ("default=0 connections", "with 0 nothing would ever be sent"),
            ("default=5/s,6/s", "it says the same thing twice"),
            ("default=5/s;default=6/s", "default has its limit already"),
            ("default/=5/s", "'' is neither a domain nor '*'"),
            ("default/a@b.example=5/s", "'a@b.example' is neither a domain nor '*'"),
            ("default/a..b=5/s", "'a..b' is neither a domain nor '*'"),
        ],
    )
    def test_says_what_it_does_not_understand_and_how_to_write_it(self, text: str, why: str) -> None:
        with pytest.raises(ImproperlyConfigured) as refused:
            email_limits(text, servers=SERVERS)

        assert why in str(refused.value)
        assert str(refused.value).startswith("EMAIL_LIMITS: ")
        assert "Write it like: default=50/s, 20 connections;" in str(refused.value)

    def test_names_the_entry_that_is_wrong(self) -> None:
        with pytest.raises(ImproperlyConfigured, match="'marketing=soon' cannot be understood"):
            email_limits("default=5/s; marketing=soon; default/*=1/s", servers=SERVERS)


class TestLimitFor:
    @pytest.fixture(autouse=True)
    def limits(self, settings: Settings) -> None:
        text = "default=50/s,20 connections; default/gmail.com=5/s; default/*=20/s; marketing/gmail.com=1 connection"
        settings.EMAIL_LIMITS = email_limits(text, servers=SERVERS)

    @pytest.mark.parametrize(
        ("server", "domain", "limit"),
        [
            ("default", "", Limit(per_second=50, connections=20)),
            ("default", "gmail.com", Limit(per_second=5)),
            ("default", "example.org", Limit(per_second=20)),
            ("marketing", "", None),
            ("marketing", "gmail.com", Limit(connections=1)),
            ("marketing", "example.org", None),
        ],
    )
    def test_is_its_own_or_that_of_every_other_domain(self, server: str, domain: str, limit: Limit | None) -> None:
        assert limit_for(server, domain) == limit

    def test_is_none_where_nothing_is_said(self, settings: Settings) -> None:
        settings.EMAIL_LIMITS = {}
        assert limit_for("default") is None
