"""What every output says of itself: made with what, when, from which files, what is masked."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from yuxi_gis.codes import Masking

__all__ = ["Provenance", "file_name", "inputs_of", "now", "reading_of", "software"]

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


def inputs_of(layers: Mapping[str, Any]) -> list[str]:
    """The files that layers were read from, as their ``attrs`` say; all of them for a union."""
    return [
        str(part["source"])
        for frame in layers.values()
        for part in frame.attrs.get("parts", [frame.attrs])
        if part.get("source")
    ]


def reading_of(layers: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What reading did to the coordinates of layers, as their ``attrs`` say.

    Returns
    -------
    list of (str, str)
        In Chinese and English: changes of datum, a CRS that the user gave, exchanged axes.
    """
    return [
        (f"{layer}: {value}{told['zh']}", f"{layer}: {value}{told['en']}")
        for layer, frame in layers.items()
        for told in (*frame.attrs.get("decisions", ()), *frame.attrs.get("notes", ()))
        if _moves(told)
        for value in [f"{told['value']} " if "value" in told else ""]
    ]


def _moves(told: Mapping[str, Any]) -> bool:
    """Whether a decision or note says where coordinates come to lie, not by the file alone."""
    if "value" not in told:
        # With another severity it is a suspicion: nothing was exchanged.
        return told["what"] == "axes_swapped" and told.get("severity", "info") == "info"
    return told["what"] == "datum" or (told["what"] == "crs" and told["zh"].startswith("用户指定"))


@dataclass(frozen=True)
class Provenance:
    """Where an output comes from.

    Attributes
    ----------
    masking : Masking
    inputs : tuple of str
        File names without folders.
    reading : tuple of (str, str)
        How the inputs were read, line by line in Chinese and English.
    made : datetime
    """

    masking: Masking
    inputs: tuple[str, ...] = ()
    reading: tuple[tuple[str, str], ...] = ()
    made: datetime = field(default_factory=now)

    @classmethod
    def of(
        cls,
        inputs: Iterable[object],
        masking: Masking,
        reading: Iterable[tuple[str, str]] = (),
    ) -> Provenance:
        """From paths; a file is named once."""
        return cls(masking, tuple(dict.fromkeys(map(file_name, inputs))), tuple(reading))

    def as_json(self) -> dict[str, Any]:
        """As one object that `json.dumps` takes."""
        return {
            "software": software(),
            "made": self.made.isoformat(),
            "inputs": list(self.inputs),
            "reading": [{"zh": zh, "en": en} for zh, en in self.reading],
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
        items = self.as_json() | {
            "inputs": "; ".join(self.inputs),
            "reading": "\n".join(f"{zh} / {en}" for zh, en in self.reading),
        }
        return {f"YUXI_GIS_{name.upper()}": str(value) for name, value in items.items()}
