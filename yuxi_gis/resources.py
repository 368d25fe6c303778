"""Where the declarative folders `layers/`, `styles/` and `sample_data/` lie."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path

__all__ = ["folder"]


@cache
def folder(name: str) -> Path:
    """The folder `name` (``"layers"``, ``"styles"`` or ``"sample_data"``).

    Installed, it is the package ``yuxi_gis.<name>``. When the source tree shadows the installed
    package (a checkout on ``sys.path``), that package does not exist and the folder at the top
    of the checkout is used.
    """
    try:
        return Path(str(files(f"yuxi_gis.{name}")))
    except ModuleNotFoundError:
        return Path(__file__).resolve().parent.parent / name
