"""What every output says of itself: made with what, when, from which files, what is masked."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pandas as pd

from yuxi_gis.codes import Masking

__all__ = ["Provenance", "file_name", "inputs_of", "now", "software"]

_NAMED = 5  # files in a line for people


def now() -> datetime:
    """The time of writing in UTC, to the second, or ``SOURCE_DATE_EPOCH`` where that is set."""
    told = os.environ.get("SOURCE_DATE_EPOCH")
    time = datetime.fromtimestamp(int(told), UTC) if told else datetime.now(UTC)
    return time.replace(microsecond=0)


def software() -> str:
    """Name and version of this program."""
    try:
        return f"yuxi-gis {version('yuxi-gis')}"
    except PackageNotFoundError:  # a checkout that is not installed
        return "yuxi-gis"


def file_name(path: object) -> str:
    """The last part of a path: folders of the user's machine do not go into outputs."""
    return re.split(r"[/\\]", str(path).rstrip("/\\"))[-1]


def inputs_of(layers: Mapping[str, pd.DataFrame]) -> list[str]:
    """The files that layers were read from, as their ``attrs["source"]`` says."""
    return [str(frame.attrs["source"]) for frame in layers.values() if frame.attrs.get("source")]


@dataclass(frozen=True)
class Provenance:
    """Where an output comes from.

    Attributes
    ----------
    masking : Masking
    inputs : tuple of str
        File names without folders.
    made : datetime
    """

    masking: Masking
    inputs: tuple[str, ...] = ()
    made: datetime = field(default_factory=now)

    @classmethod
    def of(cls, inputs: Iterable[object], masking: Masking) -> Provenance:
        """From paths; a file is named once."""
        return cls(masking, tuple(dict.fromkeys(map(file_name, inputs))))

    def as_json(self) -> dict[str, Any]:
        """As one object that `json.dumps` takes."""
        return {
            "software": software(),
            "made": self.made.isoformat(),
            "inputs": list(self.inputs),
            "masking": self.masking.word,
            "masking_zh": self.masking.text("zh"),
            "masking_en": self.masking.text("en"),
        }

    def sentence(self) -> str:
        """In one Chinese line, for descriptions that people read."""
        named = "、".join(self.inputs[:_NAMED])
        more = f" 等 {len(self.inputs)} 个文件" if len(self.inputs) > _NAMED else ""
        source = f"，来源 {named}{more}" if named else ""
        return f"{self.masking.text('zh')}{software()}，{self.made:%Y-%m-%d}{source}。"

    def tags(self) -> dict[str, str]:
        """As the metadata items of a dataset."""
        items = self.as_json() | {"inputs": "; ".join(self.inputs)}
        return {f"YUXI_GIS_{name.upper()}": str(value) for name, value in items.items()}
