from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from azuraforge.engine.reference import functions_page, ops_page

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(
    ("page", "write"), [("ops.md", ops_page), ("functions.md", functions_page)]
)
def test_a_page_says_what_the_declarations_say(page: str, write: Callable[[], str]) -> None:
    written = (DOCS / page).read_text(encoding="utf-8")

    assert written == write(), f"docs/{page} is old; `make reference` writes it anew"
