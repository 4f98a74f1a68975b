import io

import pytest

from grok.printable import printable, show


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain 日本 é", "plain 日本 é"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("two\nlines\tand\r", r"two\nlines\tand\r"),
        ("\x9b31m", r"\x9b31m"),
        ("a\u202eb", r"a\u202eb"),
        ("\udcff", r"\udcff"),
        (1.5, "1.5"),
    ],
)
def test_what_a_terminal_would_obey_is_shown(text, expected):
    assert printable(text) == expected


def test_lines_stay_lines_and_what_the_encoding_lacks_is_escaped(monkeypatch):
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", out)
    show("é\n\x1b[2J")
    out.flush()
    assert out.buffer.getvalue() == b"\\xe9\n\\x1b[2J\n"
