from __future__ import annotations

from tests.docs.rules_page import PAGE, REASONS_PAGE, reasons_page, rules_page


def test_the_page_of_the_rules_is_what_the_code_reads() -> None:
    assert PAGE.read_text(encoding="utf-8") == rules_page(), "print it anew: python -m tests.docs.rules_page"


def test_the_page_of_the_reasons_is_what_the_code_says() -> None:
    assert REASONS_PAGE.read_text(encoding="utf-8") == reasons_page(), "print it anew: python -m tests.docs.rules_page"
