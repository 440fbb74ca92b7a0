from email.message import EmailMessage
from pathlib import Path

import pytest

from styleguide_example.embedded.mailbox import (
    caught_add,
    caught_delete,
    caught_get,
    caught_keys,
    caught_list,
    caught_mark,
    caught_paths,
)
from styleguide_example.embedded.summaries import summary_list
from styleguide_example.embedded.tests.conftest import Catch


def _add(directory: Path, source: bytes) -> str:
    return caught_add(directory, envelope_from="ada@example.com", envelope_to=["grace@example.com"], source=source)


class TestCaughtGet:
    def test_returns_the_bytes_that_came(self, directory: Path) -> None:
        source = b"X-Caught: forged\r\nSubject: A\r\n\r\n\xff\x00 line\nand one\r\n"

        mail = caught_get(directory, _add(directory, source))

        assert mail
        assert mail.source == source
        assert mail.envelope_to == ("grace@example.com",)

    @pytest.mark.parametrize("key", ["../secret", "../new/../../secret", "/etc/passwd", "", ".", "missing"])
    def test_reads_nothing_outside_the_mailbox(self, directory: Path, catch: Catch, key: str) -> None:
        catch()
        (directory / "secret").write_text("X-Caught: {}\r\n")

        assert caught_get(directory, key) is None
        assert caught_delete(directory, keys=[key]) == 0
        assert (directory / "secret").exists()

    def test_reads_every_part(self, directory: Path) -> None:
        message = EmailMessage()
        message["Subject"] = "Invoice"
        message.set_content("plain")
        message.add_alternative("<p>rich</p>", subtype="html")
        message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="März.pdf")

        mail = caught_get(directory, _add(directory, message.as_bytes()))

        assert mail
        assert (mail.text.strip(), mail.html.strip()) == ("plain", "<p>rich</p>")
        (file,) = mail.attachments
        assert (file.filename, file.content_type, file.content) == ("März.pdf", "application/pdf", b"%PDF")

    @pytest.mark.parametrize(
        "source",
        [
            b"",
            b'From: "\r\nTo: <\r\nSubject: =?x?q?=ff?=\r\n\r\n',
            b"Subject: \xff\xfe\r\nContent-Type: text/html; charset=nope\r\n\r\n\xff",
            b"Content-Type: multipart/mixed\r\n\r\nno boundary",
            b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!",
            b"".join(b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n" % (n, n) for n in range(2000)),
        ],
    )
    def test_reads_a_broken_message_as_far_as_it_goes(self, directory: Path, source: bytes) -> None:
        mail = caught_get(directory, _add(directory, source))

        assert mail
        for text in (mail.subject, mail.sender, mail.text, mail.html):
            assert text.encode() is not None
        assert mail.attachments == []

    def test_takes_bytes_in_a_header_for_utf_8(self, directory: Path) -> None:
        mail = caught_get(directory, _add(directory, "From: שלום <a@example.com>\r\n\r\n".encode()))

        assert mail
        assert mail.sender == "שלום <a@example.com>"

    def test_finds_one_that_is_read_for_the_first_time_meanwhile(self, directory: Path) -> None:
        key = _add(directory, b"Subject: A\r\n\r\n")
        path = caught_paths(directory)[key]

        assert caught_mark(directory, keys=[key, "missing"], seen=True) == 1

        assert not path.exists()
        assert [mail.key for mail in caught_list(directory, keys=[key])] == [key]
        assert caught_mark(directory, keys=[key], seen=True) == 0


class TestMeanwhile:
    """A message moves while somebody looks for it: read from ``new`` to ``cur``, marked as unread the way back."""

    def test_is_listed_when_it_is_marked_as_unread(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        key = _add(directory, b"Subject: A\r\n\r\n")
        caught_mark(directory, keys=[key], seen=True)
        (read,) = (directory / "cur").iterdir()
        iterdir = Path.iterdir

        def moved_after(folder: Path) -> list[Path]:
            found = list(iterdir(folder))
            if read.exists():
                read.rename(directory / "new" / key)
            return found

        monkeypatch.setattr(Path, "iterdir", moved_after)
        assert caught_keys(directory) == [key]

    @pytest.mark.parametrize("seen", [(True, False), (False, True)])
    def test_has_its_line_in_the_list(self, directory: Path, seen: tuple[bool, bool]) -> None:
        key, (before, after) = _add(directory, b"Subject: A\r\n\r\n"), seen
        caught_mark(directory, keys=[key], seen=before)
        paths = list(caught_paths(directory).values())
        caught_mark(directory, keys=[key], seen=after)
        assert [summary.subject for summary in summary_list(paths)] == ["A"]

    @pytest.mark.parametrize("folder", ["new", "cur"])
    def test_is_deleted_when_it_moves(self, directory: Path, monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
        key = _add(directory, b"Subject: A\r\n\r\n")
        caught_mark(directory, keys=[key], seen=folder == "cur")
        places = {directory / "new" / key, directory / "cur" / f"{key}:2,S"}

        def moved_before(path: Path, **options: bool) -> None:
            monkeypatch.undo()
            path.rename(*(places - {path}))
            path.unlink(**options)

        monkeypatch.setattr(Path, "unlink", moved_before)
        assert caught_delete(directory, keys=[key]) == 1
        assert caught_keys(directory) == []


class TestCaughtList:
    def test_is_empty_before_anything_was_caught(self, directory: Path) -> None:
        assert caught_list(directory) == []

    def test_is_newest_first(self, catch: Catch, directory: Path) -> None:
        subjects = [str(number) for number in range(12)]
        for subject in subjects:
            catch(subject=subject)

        assert [mail.subject for mail in caught_list(directory)] == subjects[::-1]

    def test_leaves_out_what_was_deleted_meanwhile(self, catch: Catch, directory: Path) -> None:
        catch(subject="kept")
        catch(subject="deleted")
        keys = caught_keys(directory)
        caught_delete(directory, keys=keys[:1])

        assert [mail.subject for mail in caught_list(directory, keys=keys)] == ["kept"]
