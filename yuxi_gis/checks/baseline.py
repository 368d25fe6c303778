"""What is new, what remains and what is mended since an earlier run of the checks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from pyproj import CRS
from scipy.spatial import cKDTree

from yuxi_gis.checks.registry import NotRun
from yuxi_gis.checks.run import RULES, CheckResult
from yuxi_gis.crs import datum
from yuxi_gis.errors import CRSError
from yuxi_gis.findings import COLUMNS

__all__ = ["ABOUT", "compare", "lon_lat", "said", "tally"]

#: What is known of a finding beside `findings.COLUMNS`; `CheckResult.about` has these columns.
ABOUT = ("region", "state", "remark")

_NAMED = ["rule", "layer", "feature", "other_layer", "other_feature"]
_PLACED = ["rule", "layer", "other_layer"]
_NEAR = 1e-5  # degrees, about a metre
_APART = 1e4  # between findings that cannot be the same, in degrees
_ROUNDS = 40

Rows = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]


def compare(
    result: CheckResult, old: gpd.GeoDataFrame, *, rules: Iterable[str] | None = None
) -> CheckResult:
    """Tell which findings an earlier run had, too, and which of its findings are no more.

    Findings are the same when rule, layer, parcels and, of a rule on attributes, the wording but
    for its numbers are the same; of several, the nearest. Row labels (``#12``) and masked codes
    say nothing: such findings are the same when they lie within about a metre, or, where there is
    no place at all, when label and wording agree. Places are compared in degrees, so the data may
    have moved to another CRS.

    Parameters
    ----------
    result : CheckResult
    old : GeoDataFrame
        Findings of the earlier run: `findings.COLUMNS` and, where known, ``region`` and ``remark``
        (`yuxi_gis.export.earlier.read_earlier` reads them from an output).
    rules : iterable of str, optional
        The rules that were asked for, where these were not all of the profile.

    Returns
    -------
    CheckResult
        With ``about.state`` ``"new"`` or ``"remaining"``, the earlier remarks in ``about.remark``,
        and `mended` with `COLUMNS` and `ABOUT`. An earlier finding whose rule did not judge its
        layer this time is neither mended nor remaining: it is left out (see `tally`).
    """
    old = _whole(old).reset_index(drop=True)
    now, then = _pairs(result.findings, old)
    state = np.full(len(result.findings), "new", dtype=object)
    state[now] = "remaining"
    remark = result.about["remark"].to_numpy(object, copy=True)
    remark[now] = np.where(remark[now] == "", old["remark"].to_numpy(object)[then], remark[now])
    gone = np.ones(len(old), dtype=bool)
    gone[then] = False
    mended = old[gone & _judged(old, result, rules)].assign(state="mended").reset_index(drop=True)
    return replace(
        result,
        about=result.about.assign(
            state=pd.Series(state, dtype="str"), remark=pd.Series(remark, dtype="str")
        ),
        mended=_moved(mended, result.findings.crs),
    )


def tally(result: CheckResult, old: int) -> dict[str, int]:
    """How many findings are ``new``, ``remaining``, ``mended`` and, of the `old` ones, ``unknown``:
    their rule did not run this time."""
    states = result.about["state"].value_counts()
    counts = {name: int(states.get(name, 0)) for name in ("new", "remaining")}
    counts["mended"] = len(result.mended)
    return counts | {"unknown": old - counts["remaining"] - counts["mended"]}


def lon_lat(findings: gpd.GeoDataFrame) -> tuple[pd.Series, pd.Series]:
    """Longitude and latitude (EPSG:4490, degrees to 7 decimals) of a point on each finding's place.

    Missing where the finding has no place, or one on a datum that nothing but a ballpark joins to
    CGCS2000 (Xian 1980, Beijing 1954).
    """
    points = gpd.GeoSeries(
        shapely.point_on_surface(findings.geometry.array), index=findings.index, crs=findings.crs
    )
    if findings.crs is not None:
        try:
            points = datum.to_crs(points, 4490)
        except CRSError:  # a datum from which no way is known
            points = gpd.GeoSeries(None, index=points.index, crs=4490)
    return points.x.round(7), points.y.round(7)


def said(findings: pd.DataFrame, lang: str) -> pd.Series:
    """What the messages say of the fault, without the remedy that closes each of them."""
    remedy = {id: rule.mend(lang) for id, rule in RULES.items()}
    text = [
        message.removesuffix(remedy.get(rule, "")).rstrip()
        for message, rule in zip(findings[f"message_{lang}"], findings["rule"], strict=True)
    ]
    return pd.Series(text, index=findings.index, dtype="str")


def _whole(old: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """All columns of `COLUMNS` and `ABOUT`, texts never missing."""
    texts = [name for name in (*COLUMNS, *ABOUT) if name not in ("value", "limit", "area_m2")]
    texts.remove("geometry")
    columns = {
        name: (old[name] if name in old else pd.Series(None, index=old.index, dtype="str"))
        for name in (*COLUMNS[:-1], *ABOUT)
    }
    columns |= {name: columns[name].astype("str").fillna("") for name in texts}
    return gpd.GeoDataFrame(columns, geometry=old.geometry.array, crs=old.crs)


def _judged(old: pd.DataFrame, result: CheckResult, rules: Iterable[str] | None) -> Mask:
    """Which earlier findings would be there again if nothing had been done about them."""
    asked = set(RULES if rules is None else rules)
    judged = old["rule"].isin(asked) & old["layer"].isin(result.layers)
    for entry in result.not_run:
        same = (old["rule"] == entry.rule) & (old["layer"].eq(entry.layer) | (not entry.layer))
        fields = _fields(entry, result)
        if fields and not fields & set(RULES[entry.rule].fields):
            # A rule on many fields could not judge these; what it said of others counts.
            named = r"\b(?:" + "|".join(sorted(fields)) + r")\b"
            text = old["message_en"].where(old["message_en"] != "", old["message_zh"])
            same &= text.str.contains(named, regex=True)
        judged &= ~same
    return (judged | (old["layer"] == "")).to_numpy(
        bool
    )  # whether files can be read is always seen


def _fields(entry: NotRun, result: CheckResult) -> set[str]:
    """The fields of the layer that were missing, as the reason says."""
    if entry.layer not in result.layers:
        return set()
    known = result.layers[entry.layer].spec.by_name
    return set(re.findall(r"\w+", entry.reason_en)) & set(known)


def _moved(frame: gpd.GeoDataFrame, crs: CRS | None) -> gpd.GeoDataFrame:
    """The places in `crs`; missing where there is no way there."""
    places: gpd.GeoSeries = gpd.GeoSeries(None, index=frame.index, crs=crs)
    if crs is not None and frame.crs is not None:
        with suppress(CRSError):
            places = datum.to_crs(frame.geometry, crs)
    return frame.set_geometry(places)


def _pairs(new: gpd.GeoDataFrame, old: gpd.GeoDataFrame) -> tuple[Rows, Rows]:
    """The rows of `new` and of `old` that are the same findings."""
    lang = "zh" if (old["message_zh"] != "").any() else "en"
    both = [_facts(new, lang), _facts(old, lang)]
    named = [facts["stable"].to_numpy() for facts in both]
    placed = [facts["x"].notna().to_numpy() for facts in both]
    shape = [facts["on_shapes"].to_numpy() for facts in both]
    loose = [(~n & ~p) for n, p in zip(named, placed, strict=True)]
    found: list[tuple[Rows, Rows]] = []

    def pair(columns: list[str], here: Mask, there: Mask, reach: float) -> None:
        left = [here.copy(), there.copy()]
        for rows in found:
            for mask, taken in zip(left, rows, strict=True):
                mask[taken] = False
        now, then = map(np.flatnonzero, left)
        found.append(_nearest(both, columns, now, then, reach))

    pair([*_NAMED, "text"], named[0], named[1], np.inf)
    pair(_NAMED, named[0] & shape[0], named[1] & shape[1], np.inf)
    for here, there in ((placed[0] & ~named[0], placed[1]), (placed[0], placed[1] & ~named[1])):
        pair([*_PLACED, "text"], here, there, _NEAR)
        pair(_PLACED, here & shape[0], there & shape[1], _NEAR)
    pair([*_NAMED, "text"], loose[0], loose[1], np.inf)
    now, then = (np.concatenate(rows) for rows in zip(*found, strict=True))
    return now, then


def _facts(findings: gpd.GeoDataFrame, lang: str) -> pd.DataFrame:
    """What findings are compared by."""
    facts = pd.DataFrame(findings[_NAMED]).reset_index(drop=True)
    lon, lat = lon_lat(findings)
    facts["x"] = (lon * np.cos(np.radians(lat))).to_numpy()
    facts["y"] = lat.to_numpy()
    text = said(findings, lang).reset_index(drop=True)
    # Numbers and lists of them change while the fault stays.
    facts["text"] = text.str.replace(r"[#*]?[0-9][0-9A-Z.,、*%+ -]*", "#", regex=True)
    codes = facts["feature"] + " " + facts["other_feature"]
    facts["stable"] = ~codes.str.contains(r"(?:^| )#|\*", regex=True)
    facts["on_shapes"] = facts["rule"].isin([r.id for r in RULES.values() if r.on != "records"])
    return facts


def _nearest(
    both: list[pd.DataFrame], columns: list[str], now: Rows, then: Rows, reach: float
) -> tuple[Rows, Rows]:
    """One-to-one pairs of the rows `now` and `then` that agree in `columns`, nearest first."""
    new, old = both[0].iloc[now], both[1].iloc[then]
    if new.empty or old.empty:
        return now[:0], then[:0]
    key = pd.concat([new[columns], old[columns]]).groupby(columns, sort=False).ngroup().to_numpy()
    # Findings of another key are so far off in the third dimension that they are never near.
    at = [
        np.column_stack([facts[["x", "y"]].fillna(0.0).to_numpy(), group * _APART])
        for facts, group in ((new, key[: len(new)]), (old, key[len(new) :]))
    ]
    pairs = [_equal(*at)]
    left = [np.setdiff1d(np.arange(len(a)), rows) for a, rows in zip(at, pairs[0], strict=True)]
    for _ in range(_ROUNDS):
        if not all(map(len, left)):
            break
        tree = cKDTree(at[1][left[1]])
        far, other = tree.query(at[0][left[0]], distance_upper_bound=min(reach, _APART / 2))
        near = pd.DataFrame({"new": np.arange(len(far)), "old": other, "far": far})
        near = near[np.isfinite(near["far"])].sort_values("far", kind="stable")
        near = near.drop_duplicates("old")
        if near.empty:
            break
        rows = near["new"].to_numpy(), near["old"].to_numpy()
        pairs.append((left[0][rows[0]], left[1][rows[1]]))
        left = [np.delete(rest, taken) for rest, taken in zip(left, rows, strict=True)]
    first, second = (np.concatenate(rows) for rows in zip(*pairs, strict=True))
    return now[first], then[second]


def _equal(here: npt.NDArray[np.float64], there: npt.NDArray[np.float64]) -> tuple[Rows, Rows]:
    """Pairs of rows at the very same place: the first with the first, and so on."""
    frames = []
    for at in (here, there):
        frame = pd.DataFrame(at, columns=["x", "y", "key"]).round(9)
        frame["nth"] = frame.groupby(["x", "y", "key"]).cumcount()
        frames.append(frame.reset_index(names="row"))
    merged = frames[0].merge(frames[1], on=["x", "y", "key", "nth"], suffixes=("", "_old"))
    return merged["row"].to_numpy(), merged["row_old"].to_numpy()
