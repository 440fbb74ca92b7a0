"""E-mails of every kind: encodings, line ends, dots, lengths at which lines are folded, names and domains."""

import re
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

#: Derandomized, so that a red build is red again.
each = settings(derandomize=True, deadline=None, max_examples=100, database=None)

#: What texts are made of. Each has broken a mail program somewhere.
PIECES = [
    *("\n", "\r\n", "\r", "\n\r", "\n\n", ".", "\n.\n", "\r\n.\r\n", "\n..", " ", "  \n", "\t", "\t\n"),
    *("\x0b", "\x0c", "\x1c", "\x7f", "\x85", "\xa0", "\u2028", "\u2029", "\ufeff", "=", "=\n", "=3D", "=20"),
    *("Hello", "<p>Hé</p>", "Grüße", "ご登録ありがとう", "👩‍💻", "مرحبا", "\u202e", "e\u0301", "&nbsp;"),
    *("--", "\n--==", "\n--===============0000000000000000000==--\n", "\nFrom here on", "=?utf-8?q?x?="),
    *("Bcc: eve@example.org\n", "\n\nContent-Type: a/b\n"),
]
#: About what a line should hold, and what it must not exceed.
characters = st.sampled_from("x.é山👩")
header_words = st.builds(str.__mul__, characters, st.integers(56, 80))
long_words = header_words | st.builds(str.__mul__, characters, st.sampled_from([*range(990, 1001), 5000]))
any_pieces = st.one_of(st.sampled_from(PIECES), st.text(max_size=20))
short_texts = st.lists(any_pieces, max_size=8).map("".join)
texts = st.lists(any_pieces | long_words, max_size=8).map("".join)

words = st.one_of(
    st.sampled_from([piece for piece in PIECES if not re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029]", piece)]),
    st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=12),
    header_words,
)
subjects = st.lists(words, max_size=8).flatmap(
    lambda some: st.sampled_from([" ", "", "  ", "\t", ", "]).map(lambda space: space.join(some))
)
quoted = subjects.map(lambda name: '"' + name[:60].replace("\\", "\\\\").replace('"', '\\"') + '"')
unquoted = st.from_regex(r"[\w-]{1,8}( [\w-]{1,8})?", fullmatch=True)
names = st.one_of(
    st.sampled_from(["Ada", "Ada Lovelace", "Jürgen Müller", "山田 太郎", "👩‍💻", "A. Byron"]), unquoted, quoted
)
local_parts = st.from_regex(r"[A-Za-z0-9_+-]{1,20}(\.[a-z0-9'=]{1,8})?", fullmatch=True)
domains = st.sampled_from(
    ["example.org", "EXAMPLE.org", "a-b.example", "exämple.org", "例え.jp", "x" * 63 + ".org", "localhost"]
)
bare = st.builds("{}@{}".format, local_parts, domains)
addresses = bare | st.builds("{} <{}>".format, names, bare) | st.builds("<{}>".format, bare)
own_headers = st.sampled_from(["X-Campaign", "List-Unsubscribe", "List-Unsubscribe-Post", "Sender", "X-" + "Y" * 70])

#: What the corpus leaves alone.
NEUTRAL: dict[str, Any] = {
    "from_email": "",
    "cc": [],
    "bcc": [],
    "reply_to": [],
    "headers": {},
    "category": "",
    "idempotency_key": None,
    "priority": 5,
}
PLAIN = {"subject": "Hello", "to": ["ada@example.org"]}
emails: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict,
    subject=subjects,
    plain_text=texts,
    html=texts,
    from_email=st.just("") | addresses,
    to=st.lists(addresses, min_size=1, max_size=6),
    cc=st.lists(addresses, max_size=2),
    reply_to=st.lists(addresses, max_size=2),
    headers=st.dictionaries(own_headers, words, max_size=2),
)
