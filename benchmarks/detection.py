"""What the change step finds of planted changes: ``python benchmarks/detection.py``.

Runs `detect_change` with default options on simulated pairs (`simulate`): terraces and, where the
folder of real data is there, worlds packed from real field outlines. Printed are the rates of
detection by kind and size, the false alarms, and how far the confidence holds, with 95 %
intervals.

``--fit`` first fits ``yuxi_gis/change/confidence.toml`` to the pairs of `FITTED`; what is printed
is measured on those of `MEASURED`: other seeds, other fields and other sensors. ``--docs docs``
writes it into ``docs/change-detection*.md``, with the pictures.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
import shapely
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

sys.path.insert(0, str(Path(__file__).resolve().parent))

from charts import curves, reliability_diagram
from pages import markdown, put
from simulate import AFTER, BEFORE, SENSORS, Date, Scenes, a_pair
from worlds import EVENT_KINDS, SIZES

from yuxi_gis.change import ChangeResult, confidence, detect_change

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("YUXI_SHARED_DATA", ROOT.parent / "shared" / "data")) / "parcels"
FIELDS = {"vn": "ai4sf_1_vietnam_areas.gpkg", "in": "india_10k_india_10k.zip"}
MODEL = ROOT / "yuxi_gis" / "change" / "confidence.toml"
FOUND = 0.5  # part of a planted change that patches must cover
REAL = 0.5  # part of a patch that must lie on planted change, or within a pixel of it
REAL_PARCEL = 0.25  # part of a parcel's reported change that must be planted in it
BINS = np.linspace(0, 1, 11)
_RIDGE = 0.1  # a weight that the pairs say little about stays small

ENGLISH = {
    "scenes": "{} changes on {:.0f} km² that were seen, {:.1f} a km². Claimed patches cover {:.0%} "
    "of the ground, all patches {:.0%}: so much is found by chance.",
    "claims": "claimed as real", "false": "false", "per_km2": "a km²", "kind": "kind",
    "confidence": "confidence", "count": "rows", "said": "mean confidence",
    "real": "really changed", "patches": "patches", "parcels": "parcels", "pairs": "pairs",
    "noticed": "noticed", "brier_of_mean": "Brier of always saying the mean",
}  # fmt: skip
CHINESE = {
    "scenes": "看到的 {1:.0f} 平方千米内共 {0} 处变化，每平方千米 {2:.1f} 处。"
    "报为变化的图斑占地面的 {3:.0%}，全部图斑占 {4:.0%}：碰巧也能检出这么多。",
    "claims": "报为真实变化", "false": "其中误报", "per_km2": "每平方千米", "kind": "类型",
    "confidence": "置信度", "count": "行数", "said": "平均置信度", "real": "真实变化的比例",
    "patches": "图斑", "parcels": "地块", "pairs": "影像对", "noticed": "注意到",
    "brier_of_mean": "总说平均值的 Brier", "all": "全部", "built": "新增建筑", "water": "新增水面",
    "planted": "种树", "abandoned": "撂荒、裸土", "demolished": "拆除", "bare": "植被减少或裸土",
    "cleared": "拆除", "other": "其他",
}  # fmt: skip

_CLOUDY = (BEFORE, replace(AFTER, cloud=0.1))
_AUTUMN = (Date(datetime(2023, 8, 14, 3, 50, tzinfo=UTC)),
           replace(AFTER, when=datetime(2025, 10, 9, 3, 51, tzinfo=UTC)))  # fmt: skip


@dataclass(frozen=True)
class Setting:
    """What is simulated: fields (``terraces`` or a key of `FIELDS`), sensor, seed and the rest."""

    fields: str
    sensor: str
    seed: int
    each: int = 2
    side_m: float = 3000.0
    dates: tuple[Date, Date] = (BEFORE, AFTER)

    @property
    def name(self) -> str:
        """As the tables call it."""
        months = "-".join(str(date.when.month) for date in self.dates)
        sparse = "" if self.each > 1 else " sparse"
        cloud = " cloud" if self.dates[1].cloud else ""
        return f"{self.fields} {self.sensor} {months}{sparse}{cloud}"


FITTED = [
    *(Setting("terraces", "sentinel2", seed) for seed in (1, 2, 3)),
    *(Setting("vn", "sentinel2", seed) for seed in (4, 5)),
    Setting("vn", "sentinel2-10", 6, each=1),
    Setting("vn", "gaofen", 7),
    Setting("terraces", "sentinel2", 1, dates=_AUTUMN),
    Setting("vn", "sentinel2", 8, each=1, dates=_AUTUMN),
    Setting("vn", "sentinel2", 9, dates=_CLOUDY),
]
MEASURED = [
    *(Setting("in", "sentinel2", seed) for seed in (11, 12)),
    Setting("terraces", "sentinel2", 14),
    Setting("in", "sentinel2", 16, each=1),
    Setting("in", "gaofen", 17),
    Setting("in", "landsat", 18, side_m=6000.0),
    Setting("in", "sentinel2", 19, dates=_AUTUMN),
    Setting("terraces", "sentinel2", 14, dates=_CLOUDY),
]


@dataclass(frozen=True)
class Outcome:
    """What came of one pair.

    Attributes
    ----------
    events : DataFrame
        The planted changes: ``kind, size, m2, claimed`` (found as real change), ``noticed``
        (found as real or as possibly seasonal).
    patches, parcels : DataFrame
        As reported, with ``real``, the terms of confidence and the kinds' ``name``.
    km2 : Series
        Seen ground, by setting.
    """

    events: pd.DataFrame
    patches: pd.DataFrame
    parcels: pd.DataFrame
    km2: pd.Series

    def without(self, word: str) -> Outcome:
        """What came of the settings whose names do not hold this word."""
        tables = [t[~t["setting"].str.contains(word)] for t in (self.events, self.patches)]
        parcels = self.parcels[~self.parcels["setting"].str.contains(word)]
        return Outcome(*tables, parcels, self.km2[~self.km2.index.str.contains(word)])


def covered(shapes: gpd.GeoSeries, by: gpd.GeoSeries) -> NDArray[np.float64]:
    """Part of each shape that the others, which do not overlap, cover."""
    one, other = by.sindex.query(shapes, predicate="intersects")
    common = shapely.area(shapely.intersection(shapes.to_numpy()[one], by.to_numpy()[other]))
    total = np.bincount(one, common, minlength=len(shapes))
    return np.asarray(np.clip(total / np.maximum(shapely.area(shapes.to_numpy()), 1e-9), 0, 1))


def judge(scenes: Scenes, result: ChangeResult, name: str) -> Outcome:
    """Lay the result beside the truth."""
    with rasterio.open(result.raster) as data:
        pixel, crs = data.res[0], data.crs
        seen = float((data.read(1) != data.nodata).mean()) * data.width * data.height * pixel**2
    truth, patches = scenes.truth.to_crs(crs), result.patches.reset_index(drop=True)
    claims = patches[~patches["seasonal"]].reset_index(drop=True)
    events = truth.drop(columns="geometry").assign(
        setting=name,
        claimed=covered(truth.geometry, claims.geometry) >= FOUND,
        noticed=covered(truth.geometry, patches.geometry) >= FOUND,
    )
    near = gpd.GeoSeries(truth.buffer(pixel), crs=crs)
    patches = patches.assign(
        real=covered(patches.geometry, near) >= REAL, name=confidence.kind_names(patches)
    )
    terms = confidence.patch_terms(patches, result.threshold)
    patches[list(confidence.PATCH_TERMS)] = terms
    parcels = result.parcels.reset_index(drop=True)
    planted = covered(parcels.geometry, truth.geometry) * parcels.area
    parcels = parcels.assign(
        real=planted >= REAL_PARCEL * parcels["changed_m2"], name=confidence.kind_names(parcels)
    )
    terms = confidence.parcel_terms(parcels, result.threshold)
    parcels[list(confidence.PARCEL_TERMS)] = terms
    keep = ["real", "name", "kind", "seasonal"]
    return Outcome(
        events,
        pd.DataFrame(patches[[*keep, *confidence.PATCH_TERMS, "MJ"]]).assign(setting=name),
        pd.DataFrame(parcels[[*keep, *confidence.PARCEL_TERMS]]).assign(setting=name),
        pd.Series({name: seen / 1e6}),
    )


def run(setting: Setting) -> Outcome:
    """Simulate, detect, judge."""
    fields = None
    if setting.fields != "terraces":
        fields = gpd.read_file(DATA / FIELDS[setting.fields])
    with tempfile.TemporaryDirectory() as name:
        scenes = a_pair(
            Path(name), setting.seed, side_m=setting.side_m, each=setting.each, fields=fields,
            sensor=SENSORS[setting.sensor], dates=setting.dates,
        )  # fmt: skip
        out = Path(name) / "change"
        result = detect_change(scenes.before, scenes.after, out, parcels=scenes.layers)
        found = judge(scenes, result, setting.name)
    share = found.events["claimed"].mean()
    print(f"{setting.name} {setting.seed}: {share:.2f} found", file=sys.stderr, flush=True)
    return found


def gather(settings: Iterable[Setting]) -> Outcome:
    """All settings whose fields are there."""
    known = [s for s in settings if s.fields == "terraces" or (DATA / FIELDS[s.fields]).exists()]
    with ProcessPoolExecutor() as pool:
        outcomes = list(pool.map(run, known))
    return Outcome(
        pd.concat([o.events for o in outcomes], ignore_index=True),
        pd.concat([o.patches for o in outcomes], ignore_index=True),
        pd.concat([o.parcels for o in outcomes], ignore_index=True),
        pd.concat([o.km2 for o in outcomes]),
    )


def wilson(hits: float, trials: float) -> tuple[float, float, float]:
    """Share and its 95 % interval (E. B. Wilson, J. Am. Stat. Assoc. 22, 1927)."""
    if trials == 0:
        return float("nan"), 0.0, 1.0
    z, p = 1.96, hits / trials
    middle = (p + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * np.sqrt(p * (1 - p) / trials + z**2 / (4 * trials**2))
    return p, max(middle - half, 0.0), min(middle + half, 1.0)


def rates(events: pd.DataFrame, column: str) -> pd.DataFrame:
    """Detection by kind (and all) and size: ``group, size, rate, low, high, count``."""
    rows = []
    for group in ("all", *EVENT_KINDS):
        of_kind = events if group == "all" else events[events["kind"] == group]
        for size in SIZES:
            hit = of_kind.loc[of_kind["size"] == size, column]
            rows.append((group, size, *wilson(hit.sum(), len(hit)), len(hit)))
    return pd.DataFrame(rows, columns=["group", "size", "rate", "low", "high", "count"])


def false_alarms(outcome: Outcome) -> pd.DataFrame:
    """Claimed patches that are none, by area of the patch: ``size, claims, false, per_km2``."""
    claims = outcome.patches[~outcome.patches["seasonal"]]
    size = pd.cut(claims["MJ"], [0, *SIZES[2:], np.inf], labels=[200, *SIZES[2:]], right=False)
    table = claims.groupby(size, observed=False)["real"].agg(["size", "sum"])
    wrong = table["size"] - table["sum"]
    per_km2 = (wrong / outcome.km2.sum()).round(2)
    return pd.DataFrame({"claims": table["size"], "false": wrong, "per_km2": per_km2})


def fit(table: pd.DataFrame, terms: Sequence[str]) -> confidence.Model:
    """Logistic regression with weights that are not negative, and kinds drawn to their mean."""
    names = sorted(table["name"].unique())
    x = table[list(terms)].to_numpy(dtype=float)
    kind = pd.Index(names).get_indexer(table["name"])
    y, m = table["real"].to_numpy(dtype=float), len(names)

    def loss(p: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        away, weights = p[1 : m + 1], p[m + 1 :]
        z = p[0] + away[kind] + x @ weights
        slope = expit(z) - y
        value = np.logaddexp(0, z).sum() - y @ z + 0.5 * (away @ away + _RIDGE * weights @ weights)
        by_kind = np.bincount(kind, slope, m) + away
        return value, np.concatenate([[slope.sum()], by_kind, slope @ x + _RIDGE * weights])

    bounds = [(None, None)] * (m + 1) + [(0, None)] * len(terms)
    best = minimize(loss, np.zeros(m + 1 + len(terms)), jac=True, bounds=bounds).x.round(4)
    kinds = {name: float(best[0] + away) for name, away in zip(names, best[1 : m + 1], strict=True)}
    weights = dict(zip(terms, map(float, best[m + 1 :]), strict=True))
    return confidence.Model(weights, kinds, float(best[0]))


def write_models(models: dict[str, confidence.Model], outcome: Outcome) -> None:
    """Write ``confidence.toml``, with what it was fitted to."""
    settings = ", ".join(f"{name} {setting.seed}" for setting in FITTED for name in [setting.name])
    lines = [
        "# Confidence of reported changes; written by benchmarks/detection.py --fit.",
        f"# Fitted to {len(outcome.events)} planted changes, {len(outcome.patches)} patches and "
        f"{len(outcome.parcels)} parcels of simulated pairs",
        "# (fields, sensor, months, seed):",
        *(f"# {line}" for line in settings.split(", ")),
    ]
    for name, model in models.items():
        lines += ["", f"[{name}]", *(f"{term} = {w:.4f}" for term, w in model.terms.items())]
        lines += [f"other = {model.other:.4f}", "", f"[{name}.kinds]"]
        lines += [f'"{kind}" = {value:.4f}' for kind, value in model.kinds.items()]
    MODEL.write_text("\n".join(lines) + "\n", encoding="utf-8")


def reliability(said: NDArray[np.float64], real: NDArray[np.bool_]) -> pd.DataFrame:
    """Expected and observed share by bin of confidence: ``bin, count, said, real, low, high``."""
    number = np.clip(np.digitize(said, BINS) - 1, 0, len(BINS) - 2)
    rows = []
    for k in np.unique(number):
        here = number == k
        share = wilson(real[here].sum(), here.sum())
        rows.append((f"{BINS[k]:.1f}-{BINS[k + 1]:.1f}", here.sum(), said[here].mean(), *share))
    return pd.DataFrame(rows, columns=["bin", "count", "said", "real", "low", "high"])


def errors(said: NDArray[np.float64], real: NDArray[np.bool_]) -> dict[str, float]:
    """Expected calibration error (Naeini 2015), Brier score (1950), and that of the mean rate."""
    table = reliability(said, real)
    gap = np.abs(table["said"] - table["real"])
    rate = float(real.mean())
    return {
        "ece": float((gap * table["count"]).sum() / table["count"].sum()),
        "brier": float(np.mean((said - real) ** 2)),
        "brier_of_mean": rate * (1 - rate),
        "count": len(real),
    }


def shares(events: pd.DataFrame, column: str, words: dict[str, str]) -> str:
    """Rates of detection as a table of the docs."""
    table = rates(events, column)
    cells = {
        (row.group, row.size): f"{row.rate:.0%} ({row.low:.0%}-{row.high:.0%})".replace("%-", "-")
        for row in table[table["count"] > 0].itertuples(index=False)
    }
    rows = [
        [words.get(group, group), *(cells.get((group, size), "-") for size in SIZES)]
        for group in table["group"].unique()
    ]
    return markdown(["m²", *SIZES], rows)


def rated(outcome: Outcome, name: str) -> pd.DataFrame:
    """The rows of patches or parcels with their confidence ``said``."""
    table = getattr(outcome, name)
    terms = confidence.PATCH_TERMS if name == "patches" else confidence.PARCEL_TERMS
    said = confidence.load_models()[name](table[list(terms)].to_numpy(float), table["name"])
    return table.assign(said=said)


def trust(outcome: Outcome, words: dict[str, str]) -> dict[str, str]:
    """Reliability diagrams, and calibration by pair, as tables of the docs."""
    blocks, gaps = {}, []
    for name in ("patches", "parcels"):
        table = rated(outcome, name)
        bins = reliability(table["said"].to_numpy(), table["real"].to_numpy())
        rows = [
            [
                row.bin,
                row.count,
                f"{row.said:.2f}",
                f"{row.real:.2f} ({row.low:.2f}-{row.high:.2f})",
            ]
            for row in bins.itertuples(index=False, name="Bin")
        ]
        heads = [words[word] for word in ("confidence", "count", "said", "real")]
        blocks[name] = markdown(heads, rows)
        groups = {"all": table, "claims": table[~table["seasonal"]]}
        groups |= dict(list(table.groupby("setting", sort=False)))
        for group, some in groups.items():
            found = errors(some["said"].to_numpy(), some["real"].to_numpy())
            numbers = [f"{found[k]:.3f}" for k in ("ece", "brier", "brier_of_mean")]
            gaps.append([words[name], words.get(group, group), found["count"], *numbers])
    heads = ["", words["pairs"], words["count"], "ECE", "Brier", words["brier_of_mean"]]
    return {**blocks, "calibration": markdown(heads, gaps)}


def page(outcome: Outcome, words: dict[str, str]) -> dict[str, str]:
    """All blocks of ``docs/change-detection*.md``."""
    fine = outcome.without("landsat")
    alarms, patches = false_alarms(fine), fine.patches
    km2, planted = fine.km2.sum(), len(fine.events)
    reported = [rows["MJ"].sum() / km2 / 1e6 for rows in (patches.query("not seasonal"), patches)]
    return {
        "scenes": words["scenes"].format(planted, km2, planted / km2, *reported),
        "claimed": shares(fine.events, "claimed", words),
        "noticed": shares(fine.events, "noticed", words),
        "alarms": markdown(
            ["m²", *(words[word] for word in ("claims", "false", "per_km2"))],
            [
                [f"≥ {size}", *row]
                for size, row in zip(alarms.index, alarms.to_numpy(object), strict=True)
            ],
        ),
        "kinds": markdown(
            [words["kind"], words["claims"], words["real"]],
            [
                [words.get(kind, kind), len(rows), f"{rows['real'].mean():.0%}"]
                for kind, rows in patches.query("not seasonal").groupby("kind")
            ],
        ),
        "pairs": by_pair(outcome.events, words),
        **trust(outcome, words),
    }


def by_pair(events: pd.DataFrame, words: dict[str, str]) -> str:
    """What was found of the larger changes, by pair."""
    large = events[events["size"] >= 1000]
    rows = []
    for name, some in large.groupby("setting", sort=False):
        found = [wilson(some[column].sum(), len(some)) for column in ("claimed", "noticed")]
        cells = [
            f"{rate:.0%} ({low:.0%}-{high:.0%})".replace("%-", "-") for rate, low, high in found
        ]
        rows.append([name, len(some), *cells])
    return markdown([words["pairs"], "≥ 1000 m²", words["claims"], words["noticed"]], rows)


def write_docs(outcome: Outcome, docs: Path) -> None:
    """The pictures and tables of ``docs/change-detection*.md``."""
    for column in ("claimed", "noticed"):
        table = rates(outcome.without("landsat").events, column)
        curves(docs / "images" / f"change-detection-{column}.svg", table)
    for name in ("patches", "parcels"):
        table = rated(outcome, name)
        diagram = reliability(table["said"].to_numpy(), table["real"].to_numpy())
        reliability_diagram(docs / "images" / f"change-confidence-{name}.svg", diagram)
    put(docs / "change-detection.md", page(outcome, ENGLISH))
    put(docs / "change-detection.zh.md", page(outcome, CHINESE))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fit", action="store_true", help="fit confidence.toml anew first")
    parser.add_argument("--docs", type=Path, help="folder of the docs to write tables into")
    options = parser.parse_args()
    if options.fit:
        fitted = gather(FITTED)
        models = {
            "patches": fit(fitted.patches, confidence.PATCH_TERMS),
            "parcels": fit(fitted.parcels, confidence.PARCEL_TERMS),
        }
        write_models(models, fitted)
        confidence.load_models.cache_clear()
    outcome = gather(MEASURED)
    for name, block in page(outcome, ENGLISH).items():
        print(f"\n{name}\n{block}")
    if options.docs:
        write_docs(outcome, options.docs)


if __name__ == "__main__":
    main()
