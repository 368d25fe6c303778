"""Every exception that yuxi_gis raises on purpose.

Each carries its message in Chinese and in English, so that the command line and a notebook can
both speak the user's language. The message names the file, the row and the field where there
are any, and says what to do.
"""

from __future__ import annotations

__all__ = [
    "CRSError",
    "CatalogError",
    "OutputError",
    "ParameterError",
    "SceneError",
    "SourceError",
    "YuxiGisError",
]


class YuxiGisError(Exception):
    """Base of all errors that a user can mend.

    Parameters
    ----------
    zh, en : str
        The same message in Chinese and in English: one line, what is wrong and what to do.
    """

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh = zh
        self.en = en

    def text(self, lang: str = "en") -> str:
        """The message in `lang` (``"zh"`` or ``"en"``)."""
        return self.zh if lang == "zh" else self.en


class CatalogError(YuxiGisError):
    """A file of `layers/`, `styles/` or a profile is wrong; names the file and the key."""


class SourceError(YuxiGisError):
    """A vector source is missing, unreadable, or not what was asked for."""


class SceneError(YuxiGisError):
    """A raster scene is missing, unreadable, empty, or does not fit its partner."""


class CRSError(YuxiGisError):
    """A CRS is missing, unknown, or does not fit the data."""


class ParameterError(YuxiGisError):
    """An argument has a value that the function cannot take."""


class OutputError(YuxiGisError):
    """An output exists already or cannot be written."""
