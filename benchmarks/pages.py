"""Tables of the docs that a benchmark writes: between ``<!-- NAME -->`` and ``<!-- /NAME -->``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

__all__ = ["markdown", "put"]


def markdown(heads: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """A table; numbers are right-aligned from the second column on."""
    rule = ["---", *["---:"] * (len(heads) - 1)]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in [heads, rule, *rows])


def put(page: Path, blocks: dict[str, str]) -> None:
    """Replace the blocks of these names on a page.

    Raises
    ------
    ValueError
        The page has no such block.
    """
    text = page.read_text(encoding="utf-8")
    for name, content in blocks.items():
        start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, found, rest = text.partition(start)
        _, ended, after = rest.partition(end)
        if not found or not ended:
            raise ValueError(f"{page}: no block {name}")
        text = f"{before}{start}\n{content}\n\n{end}{after}"
    page.write_text(text, encoding="utf-8")
