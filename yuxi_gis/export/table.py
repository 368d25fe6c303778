"""Findings as CSV for tables and as JSON for machines."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping
from typing import Any

import geopandas as gpd
import pandas as pd
import shapely

from yuxi_gis.checks import RULES, CheckedLayer, CheckResult
from yuxi_gis.checks.baseline import ABOUT, lon_lat
from yuxi_gis.checks.profile import Profile
from yuxi_gis.codes import Masking
from yuxi_gis.crs import crs_name, datum, epsg
from yuxi_gis.export.masking import mask_result
from yuxi_gis.export.provenance import Provenance
from yuxi_gis.findings import COLUMNS
from yuxi_gis.outputs import staged

__all__ = [
    "FORMULA_STARTS",
    "lon_lat",
    "mended_of",
    "rule_mend",
    "rule_title",
    "to_json",
    "with_about",
    "write_csv",
    "write_json",
]

#: A spreadsheet takes text that begins with one of these for a formula and runs it.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")

_MASKING = Masking()
_PLAIN = [name for name in COLUMNS if name != "geometry"]


def write_csv(
    path: str | os.PathLike[str],
    result: CheckResult,
    *,
    lang: str = "zh",
    masking: Masking = _MASKING,
    inputs: Iterable[object] = (),
    reading: Iterable[tuple[str, str]] = (),
    overwrite: bool = False,
) -> None:
    """Write the findings as CSV.

    Their columns, then `lon` and `lat` (EPSG:4490) of the place, `region`, `state`, `remark`.

    UTF-8 with a byte order mark, so that Excel shows Chinese. Text that a spreadsheet would run as
    a formula gets an apostrophe before it. Excel makes numbers of long codes when it opens a CSV
    file; `workbook.write_workbook` keeps them.

    Parameters
    ----------
    path : path-like
    result : CheckResult
    lang : {"zh", "en"}
        Of no effect: the columns carry both languages.
    masking : Masking
        Which personal data are masked; by default all.
    inputs : iterable of path-like
        The files that were checked; of no effect here, a CSV has no place for its provenance.
    reading : iterable of (str, str)
        Of no effect here either.
    overwrite : bool
        Replace an existing file.

    Raises
    ------
    OutputError
        `path` exists and `overwrite` is false, or it cannot be written.
    """
    whole = with_about(mask_result(result, masking))
    table = pd.DataFrame(whole[_PLAIN])
    table["lon"], table["lat"] = lon_lat(whole)
    table = table.join(whole[list(ABOUT)])
    for name in table.select_dtypes(exclude="number"):
        risky = table[name].str.startswith(FORMULA_STARTS)
        table[name] = table[name].mask(risky, "'" + table[name])
    with staged(path, overwrite=overwrite) as target:
        table.to_csv(target, index=False, encoding="utf-8-sig", lineterminator="\r\n")


def write_json(
    path: str | os.PathLike[str],
    result: CheckResult,
    *,
    lang: str = "zh",
    masking: Masking = _MASKING,
    inputs: Iterable[object] = (),
    reading: Iterable[tuple[str, str]] = (),
    overwrite: bool = False,
) -> None:
    """Write what `to_json` returns as UTF-8; see `write_csv` for the parameters."""
    with staged(path, overwrite=overwrite) as target:
        data = to_json(result, masking=masking, inputs=inputs, reading=reading)
        text = json.dumps(data, ensure_ascii=False, indent=1, allow_nan=False)
        target.write_text(text + "\n", encoding="utf-8")


def to_json(
    result: CheckResult,
    *,
    masking: Masking = _MASKING,
    inputs: Iterable[object] = (),
    reading: Iterable[tuple[str, str]] = (),
) -> dict[str, Any]:
    """The result as one object that `json.dumps` takes.

    Parameters
    ----------
    result : CheckResult
    masking : Masking
        Which personal data are masked; by default all.
    inputs : iterable of path-like
        The files that were checked; only their names are said.
    reading : iterable of (str, str)
        What reading did to their coordinates (`provenance.reading_of`).

    Returns
    -------
    dict
        ``findings``: a list of objects with the columns of `yuxi_gis.findings`, `geometry` as
        GeoJSON in the CRS of the finding's *layer* (null where there is no place), missing numbers
        null, and ``region``, ``state`` (new, remaining or "") and ``remark``; ``mended``: the same
        of findings that are no more; ``not_run``: rule, layer, reason_zh, reason_en; ``profile``:
        id, version, titles and parameters; ``layers``: by layer id the name, titles, count and
        CRS; ``provenance``: see `yuxi_gis.export.provenance`.
    """
    result = mask_result(result, masking)
    return {
        "findings": _records(with_about(result), result.layers),
        "mended": _records(mended_of(result), result.layers),
        "not_run": [
            {
                "rule": skipped.rule,
                "layer": skipped.layer,
                "reason_zh": skipped.reason_zh,
                "reason_en": skipped.reason_en,
            }
            for skipped in result.not_run
        ],
        "profile": _profile(result.profile),
        "layers": {
            name: {
                "name": layer.spec.name,
                "title_zh": layer.spec.title_zh,
                "title_en": layer.spec.title_en,
                "count": layer.count,
                "crs": None if layer.crs is None else crs_name(layer.crs),
                "epsg": epsg(layer.crs),
            }
            for name, layer in result.layers.items()
        },
        "provenance": Provenance.of(inputs, masking, reading).as_json(),
    }


def with_about(result: CheckResult) -> gpd.GeoDataFrame:
    """The findings with the columns of `CheckResult.about`."""
    return result.findings.assign(**{name: result.about[name] for name in ABOUT})


def mended_of(result: CheckResult) -> gpd.GeoDataFrame:
    """What is mended, with the columns of `with_about` even where nothing was compared."""
    about = {name: result.mended.get(name, "") for name in ABOUT}
    return result.mended.assign(**about)


def rule_title(id: str, lang: str) -> str:
    """The title of a rule; its id where this program has no such rule any more."""
    return RULES[id].title(lang) if id in RULES else id


def rule_mend(id: str, lang: str) -> str:
    """How to mend what a rule finds; nothing where this program has no such rule any more."""
    return RULES[id].mend(lang) if id in RULES else ""


def _records(table: gpd.GeoDataFrame, layers: Mapping[str, CheckedLayer]) -> list[dict[str, Any]]:
    places = pd.Series(None, index=table.index, dtype=object)
    for name, rows in table.groupby("layer"):
        crs = layers[str(name)].crs if name in layers else None  # a file that cannot be read
        moved = (
            rows.geometry if crs is None or crs == table.crs else datum.to_crs(rows.geometry, crs)
        )
        places[rows.index] = shapely.to_geojson(moved.array)
    records = table[[*_PLAIN, *ABOUT]].to_dict("records")
    for record, place in zip(records, places, strict=True):
        for column, value in record.items():
            if isinstance(value, float) and not math.isfinite(value):
                record[column] = None
        about = {name: record.pop(name) for name in ABOUT}
        record["geometry"] = None if place is None else json.loads(place)
        record |= about
    return records


def _profile(profile: Profile) -> dict[str, Any]:
    return {
        "id": profile.id,
        "version": profile.version,
        "title_zh": profile.title_zh,
        "title_en": profile.title_en,
        "parameters": {
            name: {
                "value": list(p.value) if isinstance(p.value, tuple) else p.value,
                "unit": p.unit,
                "source": p.source,
                "effective_from": p.effective_from.isoformat(),
                "verified": p.verified,
            }
            for name, p in profile.parameters.items()
        },
    }
