import pytest

from styleguide_example.core.fingerprints import SHAPE_MAX_LENGTH, error_shape, fingerprint


class TestErrorShape:
    @pytest.mark.parametrize(
        ("text", "shape"),
        [
            ("550 5.1.1 <ada@example.com>: no such user", "[n] 5.1.1 [address]: no such user"),
            ("Timed out after 15.02s of TLSv1", "Timed out after [n]s of TLSv1"),
            ("Connection to 10.0.0.7:25 refused", "Connection to [n] refused"),
            ("Job 3f2b8c1e-9a4d-4f6e-8b1a-0c9d8e7f6a5b is gone", "Job [id] is gone"),
            ("Queued as 4bX9Kq1zQz (a1b2c3d4e5f6)", "Queued as [id] ([id])"),
            ("KeyError: 'total'", "KeyError: [text]"),
            ("It wasn't sent, and won't be", "It wasn't sent, and won't be"),
            ('No template "a b" in 3 places', "No template [text] in [n] places"),
            ("see https://example.com/x?y=1 for more", "see [link] for more"),
            ("<Message object at 0x7f3a2c>", "<Message object at [id]>"),
            ("The deadface was defaced", "The deadface was defaced"),
            ("Two\nlines  and\ttabs", "Two lines and tabs"),
            ("No space for IMG_0174.jpg", "No space for IMG_[n].jpg"),
            ("OK 4a-20020a05600c1e1asi1234wmb.123 - gsmtp", "OK [id] - gsmtp"),
            ("OK qk7abc-20020a05620a1e1asi9ab.45 - gsmtp", "OK [id] - gsmtp"),
            ("OK ca-d2e1a72fcca58-7aef0a1b2c3si12b3a.45 - gsmtp", "OK [id] - gsmtp"),
            ("smtp01abc.example.com is away", "[id].example.com is away"),
            ("", ""),
        ],
    )
    def test_keeps_the_words_and_drops_what_differs(self, text: str, shape: str) -> None:
        assert error_shape(text) == shape

    def test_is_short_however_long_the_error(self) -> None:
        assert len(error_shape("word " * 100_000)) == SHAPE_MAX_LENGTH


class TestFingerprint:
    def test_is_the_same_for_the_same_error_of_two_people(self) -> None:
        one, other = (f"550 5.1.1 <{name}@example.com>: no such user" for name in ("ada", "grace"))
        assert fingerprint("email", "550", text=one) == fingerprint("email", "550", text=other)

    def test_differs_by_each_part_and_by_the_words(self) -> None:
        prints = [
            fingerprint("email", "550", text="no such user"),
            fingerprint("email", "551", text="no such user"),
            fingerprint("job", "550", text="no such user"),
            fingerprint("email", "550", text="mailbox full"),
        ]
        assert len(set(prints)) == len(prints)

    def test_takes_what_cannot_be_encoded(self) -> None:
        assert len(fingerprint("email", text="half \ud83d of a pair")) == 12
