from __future__ import annotations

import time

import pytest
from hypothesis import given

from calsync.adapters.superoffice.text import html_from_text, rounded, text_from_html
from calsync.core.event import plain_text
from tests.builders import texts


@given(words=texts(max_size=500))
def test_pain_22_a_text_comes_back_from_html_as_it_went(words: str) -> None:
    text = plain_text(words)

    assert text_from_html(html_from_text(text)) == text
    assert rounded(words) == text


@given(words=texts(max_size=500))
def test_any_input_gives_a_normal_text(words: str) -> None:
    text = text_from_html(words)

    assert plain_text(text) == text
    assert text_from_html(html_from_text(text)) == text


@pytest.mark.parametrize(
    "text", ["  indented\n\ttab", "two  blanks", "nbsp\xa0here", "<b>no & tag</b> &amp; &lt;", "a\n\n\nb", "</div>x"]
)
def test_blanks_marks_and_empty_lines_survive(text: str) -> None:
    assert rounded(text) == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("", ""),
        ("plain\r\nlines", "plain\nlines"),
        ("R&amp;D", "R&D"),
        ("<p>Budget</p>", "Budget"),
        ("<p>one</p><p>two</p>", "one\ntwo"),
        ("<p>one</p><p>&nbsp;</p><p>two</p>", "one\n\ntwo"),
        ("<div>one<br>two<br/></div>three", "one\ntwo\nthree"),
        ("<p>Dear <b>all</b>,\n  see <a href='x'>this</a></p>", "Dear all, see this"),
        ("<ul><li>one</li><li>two</li></ul>", "one\ntwo"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "ab\nc"),
        ("<style>p {}</style><script>alert(1)</script><p>x</p>", "x"),
        ("<html><head><title>t</title></head><body>x</body></html>", "x"),
        ("<pre>a  b\nc</pre>", "a  b\nc"),
        ("<!-- hidden --><p>x</p>", "x"),
        ("x < y and 2 > 1", "x < y and 2 > 1"),
    ],
)
def test_html_of_people_is_read_as_they_see_it(source: str, text: str) -> None:
    assert text_from_html(source) == text


def test_no_text_is_no_html() -> None:
    assert html_from_text("") == ""


@pytest.mark.parametrize(
    "source", ["<div>" * 100_000, "<div>" * 50_000 + "</p>" * 50_000, "<" * 200_000, "&#x" * 90_000]
)
def test_hostile_html_costs_little(source: str) -> None:
    begun = time.process_time()

    text_from_html(source)

    assert time.process_time() - begun < 2
