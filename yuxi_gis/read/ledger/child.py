"""Reads a workbook with calamine in a process of its own, and sends its rows as pickles.

``python -P child.py FILE MEMORY``. On a damaged file calamine may panic (which prints), and a cell
far out makes it allocate the whole rectangle and abort. It is run by its path and imports nothing
of the package, so that it starts fast and runs from a checkout as from an installation.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

__all__: list[str] = []

_CHUNK = 1000


def _limit_memory(size: int) -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (size, size))
    except (ImportError, OSError, ValueError):  # Windows; or less is allowed already
        pass


def _send(*message: Any) -> None:
    sys.stdout.buffer.write(pickle.dumps(message, 5))


def _rows(sheet: Any) -> Iterator[tuple[int, list[Any]]]:
    """Row numbers, from 1, and cells, from column A, of rows with any value."""
    top, left = sheet.start or (0, 0)
    for number, row in enumerate(sheet.to_python(skip_empty_area=True), 1 + top):
        if any(cell != "" for cell in row):
            yield number, [""] * left + row


def _send_sheets(file: BinaryIO) -> None:
    import python_calamine as calamine

    book = calamine.load_workbook(file)
    for about in book.sheets_metadata:
        if about.typ != calamine.SheetTypeEnum.WorkSheet:
            continue
        sheet = book.get_sheet_by_name(about.name)
        hidden = about.visible != calamine.SheetVisibleEnum.Visible
        _send("sheet", about.name, hidden, sheet.merged_cell_ranges)
        rows = []
        for row in _rows(sheet):
            rows.append(row)
            if len(rows) == _CHUNK:
                _send("rows", rows)
                rows = []
        _send("rows", rows)


def _main(path: str, memory: str) -> None:
    _limit_memory(int(memory))
    import python_calamine as calamine  # under the limit, as all that follows

    try:
        with Path(path).open("rb") as file:
            _send_sheets(file)
        _send("end")
    except MemoryError:
        _send("memory")
    except calamine.PasswordError:
        _send("password")
    except Exception as error:  # whatever it is, the parent tells the user
        _send("error", str(error)[:200])
    sys.stdout.flush()


if __name__ == "__main__":
    _main(*sys.argv[1:])
