"""The table of cases: `tests/cases/*.toml` as layers and expected findings."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely.affinity import translate

from yuxi_gis.catalog import load_catalog
from yuxi_gis.checks import Profile, load_profile

FOLDER = Path(__file__).resolve().parent.parent / "cases"
ORIGIN = (500_000.0, 2_700_000.0)
_COLUMNS = ("severity", "layer", "feature", "other_layer", "other_feature", "unit")


@dataclass(frozen=True)
class Case:
    rule: str
    name: str
    layers: dict[str, list[dict[str, Any]]]
    expect: list[dict[str, Any]]
    crs: int
    attrs: dict[str, dict[str, Any]]
    profile: Profile

    def frames(self, *, east: float = 0.0, crs: int | None = None) -> dict[str, pd.DataFrame]:
        """The layers, moved `east` metres, under another `crs` where given."""
        number = crs or self.crs or None
        frames = {}
        for name, rows in self.layers.items():
            spec = load_catalog()[name]
            frames[name] = _table(rows) if spec.is_table else _frame(rows, number, east)
            frames[name].attrs.update(self.attrs.get(name, {}))
        return frames


def load(rule: str) -> list[Case]:
    data = tomllib.loads((FOLDER / f"{rule}.toml").read_text(encoding="utf-8"))
    assert set(data) <= {"good", "bad"}, data.keys()
    cases = []
    for kind in ("good", "bad"):
        for row in data.get(kind, []):
            row = dict(row)
            name, crs, expect = row.pop("name"), row.pop("crs", 4543), row.pop("expect", [])
            assert bool(expect) == (kind == "bad"), f"{rule}: {name}"
            attrs, profile = row.pop("attrs", {}), _profile(row.pop("profile", {}))
            cases.append(Case(rule, name, row, expect, crs, attrs, profile))
    return cases


def _profile(told: str | dict[str, Any]) -> Profile:
    """The built-in profile of that name, or the standard one with other values."""
    if isinstance(told, str):
        return load_profile(told)
    standard = load_profile()
    parameters = dict(standard.parameters)
    for name, value in told.items():
        value = tuple(value) if isinstance(value, list) else float(value)
        parameters[name] = replace(parameters[name], value=value)
    return replace(standard, parameters=parameters)


def located(wkt: str, east: float = 0.0) -> shapely.Geometry | None:
    """Local WKT at its place on earth; ``"none"`` is no place."""
    if wkt == "none":
        return None
    return translate(shapely.from_wkt(wkt), ORIGIN[0] + east, ORIGIN[1])


def compare(case: Case, found: gpd.GeoDataFrame, severity: str, east: float = 0.0) -> None:
    """Assert that `found` is what the case expects, row by row, place and value included."""
    layer = next(iter(case.layers))
    wanted = [
        {"severity": severity, "layer": layer, **dict.fromkeys(_COLUMNS[2:], ""), **row}
        for row in case.expect
    ]
    names = ["layer", "feature", "other_layer", "other_feature"]
    assert found[names].to_numpy().tolist() == [[row[n] for n in names] for row in wanted]
    for row, want in zip(found.itertuples(), wanted, strict=True):
        for column in _COLUMNS:
            assert getattr(row, column) == want[column], column
        for column in ("value", "limit", "area_m2"):
            np.testing.assert_allclose(
                getattr(row, column), want.get(column, np.nan), atol=1e-4, err_msg=column
            )
        _same_place(row.geometry, located(want["place"], east))
        said = row.message_zh + row.message_en
        assert want.get("says", "") in said
        assert want.get("silent", "\0") not in said


def _same_place(found: shapely.Geometry | None, wanted: shapely.Geometry | None) -> None:
    if wanted is None or found is None:
        assert found is wanted
        return
    assert shapely.get_dimensions(found) == shapely.get_dimensions(wanted), found.wkt
    assert shapely.hausdorff_distance(found, wanted) < 1e-3, f"{found.wkt}, not {wanted.wkt}"


def _table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame([{k: v for k, v in row.items() if k != "wkt"} for row in rows])


def _frame(rows: list[dict[str, Any]], crs: int | None, east: float) -> gpd.GeoDataFrame:
    places = [located(row.get("wkt", "none"), east) for row in rows]
    return gpd.GeoDataFrame(_table(rows), geometry=places, crs=crs)
