"""Mends that cannot change rights: on a copy, listed one by one, and checked once more.

What is mended: blanks and control characters around texts, full-width characters in codes,
repeated vertices, directions of rings, and nodes missing on shared edges. Boundaries move by no
more than the tolerances of the profile. The checks run before and after: where a rule would find
something new, the mends of that record are taken back and listed as not done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from yuxi_gis.catalog import LayerSpec, load_catalog
from yuxi_gis.checks import Profile, load_profile, run_checks
from yuxi_gis.checks.subject import Subject
from yuxi_gis.crs import datum
from yuxi_gis.errors import CRSError, ParameterError
from yuxi_gis.findings import printable
from yuxi_gis.mend.plan import KINDS, Plan, plan

__all__ = ["COLUMNS", "KINDS", "Mended", "mend"]

#: The columns of the list of mends.
COLUMNS = (
    "layer",
    "feature",
    "row",
    "kind",
    "field",
    "done",
    "what_zh",
    "what_en",
    "before",
    "after",
    "moved_m",
    "geometry",
)
_ROUNDS = 4

Progress = Callable[[str, str, float], None]
#: A record: its layer and its position; -1 is the layer as such.
Record = tuple[str, int]
#: A rule and the one or two records that a finding of it names.
Finding = tuple[str, Record, Record]


@dataclass(frozen=True)
class Mended:
    """Mended copies of layers, and what was mended.

    `layers` have the rows, order, columns and other values of the given ones. `mends` has a row a
    mend, with `COLUMNS`: `row` counts from 1, `kind` is one of `KINDS`, `before` and `after` are
    texts (``***`` for personal data), `moved_m` is how far the boundary moved at most, in metres,
    and `geometry` a point. Where `done` is false, the mend was left out, and `what_zh`, `what_en`
    say why.
    """

    layers: Mapping[str, pd.DataFrame]
    mends: gpd.GeoDataFrame


def mend(
    layers: Mapping[str, pd.DataFrame],
    *,
    profile: Profile | str | Path | None = None,
    found: gpd.GeoDataFrame | None = None,
    catalog: Mapping[str, LayerSpec] | None = None,
    progress: Progress | None = None,
) -> Mended:
    """Mend what can be mended without changing rights.

    Parameters
    ----------
    layers : mapping of str to GeoDataFrame or DataFrame
        By layer id; official field names. The frames are not changed.
    profile : Profile, str or Path, optional
        Rules and tolerances; by default the built-in profile ``"standard"``. Nodes are inserted
        where its rule T06 finds them missing.
    found : GeoDataFrame, optional
        The findings of `checks.run_checks` on these layers by this profile, all its rules; where
        they are not given, the checks run once more.
    catalog : mapping of str to LayerSpec, optional
        By default the one that comes with the package.
    progress : callable, optional
        Called as ``progress(zh, en, fraction)``.

    Returns
    -------
    Mended
        Mending its layers once more does nothing, and the checks find nothing in them that they
        did not find before.

    Raises
    ------
    ParameterError
        A layer id is unknown, or there is no such profile.
    CatalogError
        The profile file is wrong.

    Notes
    -----
    Shapes that are invalid or have Z or M values keep their vertices; a node is inserted only
    beside a neighbour whose shape is valid, too.
    """
    catalog = load_catalog() if catalog is None else catalog
    profile = profile if isinstance(profile, Profile) else load_profile(profile)
    for name in layers:
        if name not in catalog:
            raise ParameterError(
                f"没有图层 {name}。图层目录中有：{', '.join(catalog)}。",
                f"There is no layer {name}. The catalogue has {', '.join(catalog)}.",
            )
    judge = _Judge(profile, catalog)
    tell = progress or _silent

    tell("寻找可以修补的问题", "looking for what can be mended", 0.0)
    plans = judge.planned(layers)
    every = {(name, row) for name, one in plans.items() for row in one.mends["row"]}
    refused: dict[Record, str] = {}
    before: Counter[Finding] = Counter()
    if every and found is None:
        tell("修补以前的检查", "checks before mending", 0.1)
        found = judge.found(layers)
    if every and found is not None:
        before = judge.counted(layers, found)
    for attempt in range(_ROUNDS):
        tell("修补并复查", "mending and checking again", 0.4 + 0.5 * attempt / _ROUNDS)
        mended = {name: one.applied(~_among(name, one, refused)) for name, one in plans.items()}
        if refused.keys() >= every:
            break
        worse = judge.worse(before, layers, mended, refused)
        if not worse:
            break
        hit = {record: worse[record] for record in worse.keys() & (every - refused.keys())}
        # What names no mended record may be the doing of any; nor is this tried for ever.
        if not hit or attempt == _ROUNDS - 2:
            hit = dict.fromkeys(every - refused.keys(), next(iter(worse.values())))
        refused |= hit
    tell("修补完毕", "mending done", 1.0)
    return Mended(mended, _together([_listed(n, one, refused) for n, one in plans.items()]))


@dataclass(frozen=True)
class _Judge:
    """What is to be found in layers, by record."""

    profile: Profile
    catalog: Mapping[str, LayerSpec]

    def planned(self, layers: Mapping[str, pd.DataFrame]) -> dict[str, Plan]:
        return {name: plan(self._subject(name, frame)) for name, frame in layers.items()}

    def found(self, layers: Mapping[str, pd.DataFrame]) -> gpd.GeoDataFrame:
        return run_checks(layers, profile=self.profile, catalog=self.catalog).findings

    def counted(
        self, layers: Mapping[str, pd.DataFrame], table: gpd.GeoDataFrame
    ) -> Counter[Finding]:
        """How many findings there are of each rule on each pair of records."""
        rows = {
            name: dict(zip(subject.feature, range(len(frame)), strict=True))
            for name, frame in layers.items()
            for subject in [self._subject(name, frame)]
        }
        records = [
            [
                (layer, rows.get(layer, {}).get(feature, -1))
                for layer, feature in zip(*pair, strict=True)
            ]
            for pair in (
                (table["layer"], table["feature"]),
                (table["other_layer"], table["other_feature"]),
            )
        ]
        return Counter(zip(table["rule"], *records, strict=True))

    def worse(
        self,
        before: Counter[Finding],
        given: Mapping[str, pd.DataFrame],
        mended: Mapping[str, pd.DataFrame],
        refused: Mapping[Record, str],
    ) -> dict[Record, str]:
        """The records that are no better for mending: with a new finding, a shape that is no
        longer valid, or something left to mend; and the rules that say so."""
        worse = {
            record: rule
            for rule, *records in self.counted(mended, self.found(mended)) - before
            for record in records
            if record[0]
        }
        for name, one in self.planned(mended).items():
            worse |= {(name, row): "" for row in one.mends["row"] if (name, row) not in refused}
            lost = self._subject(name, given[name]).valid & ~one.subject.valid
            worse |= {(name, int(row)): "T01" for row in np.flatnonzero(lost)}
        return worse

    def _subject(self, name: str, frame: pd.DataFrame) -> Subject:
        return Subject(frame, self.catalog[name], self.profile, {})


def _silent(zh: str, en: str, fraction: float) -> None:
    pass


def _among(name: str, one: Plan, refused: Mapping[Record, str]) -> npt.NDArray[np.bool_]:
    """Which mends of a layer are on refused records."""
    rows = [row for layer, row in refused if layer == name]
    return one.mends["row"].isin(rows).to_numpy()


def _listed(name: str, one: Plan, refused: Mapping[Record, str]) -> gpd.GeoDataFrame:
    """The mends of a layer as `Mended` has them."""
    table, subject = one.mends.copy(), one.subject
    done = ~_among(name, one, refused)
    why = [refused.get((name, row), "") for row in table["row"]]
    secret = {field.name for field in subject.spec.fields if field.personal}
    for column in ("before", "after"):
        table[column] = table[column].map(printable).mask(table["field"].isin(secret), "***")
    for column, lang in (("what_zh", "zh"), ("what_en", "en")):
        table[column] += ["" if d else _refusal(w, lang) for w, d in zip(why, done, strict=True)]
    table["layer"], table["feature"] = name, subject.feature[table["row"]]
    table["row"], table["done"] = table["row"] + 1, done
    places = gpd.GeoSeries(table.pop("place").to_numpy(object), index=table.index, crs=subject.crs)
    return gpd.GeoDataFrame(table, geometry=places)[list(COLUMNS)]


def _refusal(rule: str, lang: str) -> str:
    """Why a mend was left out: for what `rule` would find, or (``""``) for what would be left."""
    if lang == "zh":
        return f"（未改：改后规则 {rule} 有新的发现）" if rule else "（未改：改后仍有可改之处）"
    what = f"rule {rule} would find something new" if rule else "something to mend would be left"
    return f" (not done: {what})"


def _together(parts: list[gpd.GeoDataFrame]) -> gpd.GeoDataFrame:
    """All mends in the CRS of the first layer that has one; a place that cannot be brought there
    is dropped."""
    if not parts:
        return gpd.GeoDataFrame(columns=list(COLUMNS), geometry="geometry")
    crs = next((part.crs for part in parts if part.crs is not None), None)
    for k, part in enumerate(parts):
        try:
            places = datum.to_crs(part.geometry, crs) if part.crs is not None else None
        except CRSError:
            places = None
        if places is None:
            places = gpd.GeoSeries(None, index=part.index, crs=crs)
        parts[k] = part.set_geometry(places)
    return gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), geometry="geometry", crs=crs)
