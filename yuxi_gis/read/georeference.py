"""Where a layer lies: its CRS as declared or given, and whether the coordinates agree with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from yuxi_gis.crs import crs_name, datum, works, zones
from yuxi_gis.errors import CRSError
from yuxi_gis.read.table import Decision, Note, Options

__all__ = ["Georeference", "Move", "georeference", "misplaced", "require_known"]

Move = Callable[[np.ndarray], np.ndarray]

#: Notes that say that coordinates and CRS do not go together.
_MISPLACED = ("zone_prefix", "axes_swapped", "degrees", "metres", "wrong_zone", "outside")


@dataclass(frozen=True)
class Georeference:
    """A layer with its CRS, and how that was decided.

    Attributes
    ----------
    frame : GeoDataFrame
    crs_from : {"file", "given", "missing"}
    decisions : tuple of Decision
    notes : tuple of Note
        What the coordinates say against the CRS, with the mend.
    moves : tuple of callable
        What was done to the shapes, one after the other: ``move(shapes) -> shapes``.
    """

    frame: gpd.GeoDataFrame
    crs_from: str
    decisions: tuple[Decision, ...]
    notes: tuple[Note, ...]
    moves: tuple[Move, ...] = ()


def georeference(
    frame: gpd.GeoDataFrame, name: str, options: Options, *, in_yuxi: bool = False
) -> Georeference:
    """Give `frame` its CRS, look whether its coordinates fit, and move it where the user says.

    Parameters
    ----------
    frame : GeoDataFrame
        With the CRS that the file declares, or none.
    name : str
        File and table, for messages and for words such as GCJ-02 in it.
    options : Options
    in_yuxi : bool
        The codes say that the layer lies in Yuxi: then its coordinates must, too.

    Returns
    -------
    Georeference
        Without a CRS where none is declared and none given: the decision says what it may be.
    """
    notes: list[Note] = []
    moves: list[Move] = []
    if options.swap_axes:
        moves.append(_swapped)
        shapes = _swapped(np.asarray(frame.geometry.array))
        frame = frame.set_geometry(gpd.GeoSeries(shapes, index=frame.index, crs=frame.crs))
        notes.append(
            Note("axes_swapped", "已按用户要求交换 X、Y。", "X and Y were exchanged, as told.")
        )
    if frame.crs is not None and not works(frame.crs):
        notes.append(_broken(crs_name(frame.crs)))
        frame = frame.set_crs(None, allow_override=True)
    bounds = zones.robust_bounds(frame.geometry.array)
    frame, crs_from, decisions = _with_crs(frame, bounds, options)
    home = zones.YUXI if in_yuxi else None
    found = zones.diagnose(bounds, frame.crs, home=home) if frame.crs is not None else ()
    if found and crs_from == "file":
        decisions = [replace(made, confidence="low") for made in decisions]
    found += zones.looks_shifted(frame, name)
    notes += [
        Note(d.what, d.zh, d.en, "error" if d.confidence == "high" else "warning") for d in found
    ]
    notes += _unused(frame, crs_from, options)
    if options.shift is not None and frame.crs is not None:
        frame, made, warned, moved = _shifted(frame, options.shift)
        decisions += made
        notes += warned
        moves += moved
    return Georeference(frame, crs_from, tuple(decisions), tuple(notes), tuple(moves))


def _unused(frame: gpd.GeoDataFrame, crs_from: str, options: Options) -> list[Note]:
    """What the user gave and was not needed: nobody shall think that it worked."""
    notes = []
    if crs_from == "file" and options.crs is not None and options.crs != frame.crs:
        declared, given = crs_name(frame.crs), crs_name(options.crs)
        notes.append(
            Note(
                "crs_unused",
                f"文件自带坐标系 {declared}，未使用 --crs {given}。若自带的标错了，请加 "
                "--override-crs。",
                f"The file declares {declared}; --crs {given} was not used. If the file is wrong, "
                "add --override-crs.",
                "warning",
            )
        )
    shift = options.shift
    if shift is not None and frame.crs is not None and datum.modern(frame.crs) in (None, frame.crs):
        notes.append(
            Note(
                "shift_unused",
                f"{crs_name(frame.crs)} 不是旧基准，未使用给出的基准转换。",
                f"{crs_name(frame.crs)} is on no old datum; the shift given was not used.",
            )
        )
    return notes


def _broken(name: str) -> Note:
    return Note(
        "crs_broken",
        f"文件中的坐标系定义（{name}）已损坏，无法计算，按没有坐标系处理。请用 --crs 指明。",
        f"The definition of the CRS in the file ({name}) is damaged and nothing can be computed "
        "with it; the layer is taken as one without CRS. Give it with --crs.",
        "error",
    )


def _swapped(shapes: np.ndarray) -> np.ndarray:
    return np.asarray(shapely.transform(shapes, lambda xy: xy[:, ::-1]))


def _with_crs(
    frame: gpd.GeoDataFrame, bounds: tuple[float, float, float, float] | None, options: Options
) -> tuple[gpd.GeoDataFrame, str, list[Decision]]:
    declared, given = frame.crs, options.crs
    if given is not None and (declared is None or options.override_crs):
        told = Decision("crs", crs_name(given), "用户指定", "given by the user", "certain")
        if declared is not None and declared != given:
            told = Decision(
                "crs",
                crs_name(given),
                f"用户指定，代替文件中的 {crs_name(declared)}；坐标未移动",
                f"given by the user in place of {crs_name(declared)}; no coordinate was moved",
                "certain",
            )
        return frame.set_crs(given, allow_override=True), "given", [told]
    if declared is not None:
        told = Decision("crs", crs_name(declared), "文件自带", "declared by the file", "certain")
        return frame, "file", [told]
    guesses = zones.suggest(bounds) if bounds is not None else ()
    first = guesses[0] if guesses else None
    return (
        frame,
        "missing",
        [
            Decision(
                "crs",
                "",
                first.zh if first else "文件没有坐标系，坐标也看不出是哪一个；请用 --crs 指明",
                first.en
                if first
                else "the file declares no CRS and the coordinates do not tell one; give --crs",
                "low",
            )
        ],
    )


def _shifted(
    frame: gpd.GeoDataFrame, shift: datum.DatumShift
) -> tuple[gpd.GeoDataFrame, list[Decision], list[Note], list[Move]]:
    """`frame` on CGCS2000, where it is on an older datum."""
    frame, how = datum.to_cgcs2000(frame, shift)
    if how.source == how.target:
        return frame, [], [], []

    def move(shapes: np.ndarray) -> np.ndarray:
        series = gpd.GeoSeries(shapes, crs=how.source)
        return np.asarray(datum.to_crs(series, how.target, shift=shift).array)

    made = Decision(
        "datum", f"{crs_name(how.source)} → {crs_name(how.target)}", how.zh, how.en, "certain"
    )
    return frame, [made], [Note("datum", zh, en, "warning") for zh, en in how.warnings], [move]


def misplaced(frame: pd.DataFrame) -> CRSError | None:
    """The error of a layer whose coordinates surely do not go with its CRS, with the mend.

    Parameters
    ----------
    frame : GeoDataFrame or DataFrame
        As it was read: ``attrs["notes"]`` tell.
    """
    for note in frame.attrs.get("notes", ()):
        if note["what"] in _MISPLACED and note["severity"] == "error":
            name = frame.attrs["name"]
            return CRSError(f"{name}：{note['zh']}", f"{name}: {note['en']}")
    return None


def require_known(placed: Georeference, name: str) -> None:
    """Raise `CRSError` with the suggestion where the CRS is missing."""
    if placed.crs_from == "missing":
        told = placed.decisions[0]
        raise CRSError(
            f"{name}：没有坐标系（规则 S03）。{told.zh}",
            f"{name}: has no CRS (rule S03). {told.en}",
        )
