"""How sure a reported change is: of a hundred reported with confidence 0.8, about 80 are real.

A logistic model (D. R. Cox, J. R. Stat. Soc. B 20, 1958, 10.1111/j.2517-6161.1958.tb00292.x) of
how far strength lies above the threshold, how many pixels changed, in how compact a shape or in
which part of the parcel, how much was seen, and which kind of change it is. It never falls as
strength or area grows. Its numbers lie in ``confidence.toml``, fitted to simulated scenes whose
changes are known (``benchmarks/detection.py --fit``); how far they hold on other scenes is in
``docs/change-detection.md``.

Confidence is that of *something other than the season changed here*; so what is marked as
possibly seasonal has one, too, and mostly a low one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.special import expit

from yuxi_gis.toml import TomlFile, join

__all__ = [
    "PARCEL_TERMS",
    "PATCH_TERMS",
    "Model",
    "kind_names",
    "load_models",
    "parcel_confidence",
    "parcel_terms",
    "patch_confidence",
    "patch_terms",
]

Floats = NDArray[np.float64]

PATCH_TERMS = ("strength", "area", "compactness")
"""Terms of the model of patches; none of them lowers the confidence."""
PARCEL_TERMS = ("strength", "area", "share", "seen")
"""Terms of the model of parcels; none of them lowers the confidence."""

_FILE = Path(__file__).with_name("confidence.toml")
# Beyond these there is no more to learn, and few examples to learn it from.
_MOST_STRENGTH = 20.0  # times the threshold
_MOST_AREA = 200.0  # pixels


@dataclass(frozen=True)
class Model:
    """A logistic model.

    Attributes
    ----------
    terms : mapping of str to float
        Weight of each term, 0 or above.
    kinds : mapping of str to float
        Intercept of each kind (``"built"``, ``"planted seasonal"``).
    other : float
        Intercept of any other kind.
    """

    terms: Mapping[str, float]
    kinds: Mapping[str, float]
    other: float

    def __call__(self, terms: Floats, kinds: pd.Series) -> Floats:
        """Confidence (n,) of rows with these terms (n, terms)."""
        intercept = kinds.map(dict(self.kinds)).astype("float64").fillna(self.other)
        return np.asarray(expit(intercept.to_numpy() + terms @ np.array([*self.terms.values()])))


@cache
def load_models(path: Path = _FILE) -> Mapping[str, Model]:
    """The models of ``patches`` and ``parcels`` in a TOML file.

    Raises
    ------
    CatalogError
        The file is wrong; names the key.
    """
    file = TomlFile(path, "置信度模型", "models of confidence")
    return {
        "patches": _model(file, "patches", PATCH_TERMS),
        "parcels": _model(file, "parcels", PARCEL_TERMS),
    }


def _model(file: TomlFile, name: str, terms: tuple[str, ...]) -> Model:
    table = file.table(file.data.get(name), name)
    weights = {term: file.value(table, name, term, float) for term in terms}
    for term, weight in weights.items():
        if weight < 0:
            raise file.error(join(name, term), "不得小于 0", "must not be below 0")
    kinds = file.table(table.get("kinds"), join(name, "kinds"))
    where = join(name, "kinds")
    return Model(
        terms=weights,
        kinds={kind: file.value(kinds, where, kind, float) for kind in kinds},
        other=file.value(table, name, "other", float),
    )


def _over(strength: pd.Series, threshold: float) -> Floats:
    """Logarithm of strength over the threshold."""
    ratio = strength.to_numpy(dtype=np.float64) / threshold
    return np.log(np.clip(ratio, 1.0, _MOST_STRENGTH))


def _size(table: pd.DataFrame) -> Floats:
    """Logarithm of the pixels; 0 for what may be seasonal: a season takes fields of any size."""
    pixels = table["pixels"].to_numpy(dtype=np.float64)
    size = np.log(np.clip(pixels, 1.0, _MOST_AREA))
    return np.where(table["seasonal"].to_numpy(dtype=bool), 0.0, size)


def kind_names(table: pd.DataFrame) -> pd.Series:
    """Kind of each row as the models call it: columns ``kind`` and ``seasonal``."""
    return table["kind"].astype("str") + np.where(table["seasonal"], " seasonal", "")


def patch_terms(patches: gpd.GeoDataFrame, threshold: float) -> Floats:
    """The terms (n, `PATCH_TERMS`) of patches; see `patch_confidence`."""
    shapes = patches.geometry.to_numpy()
    around = np.maximum(shapely.length(shapes), 1e-12)
    return np.stack(
        [
            _over(patches["strength"], threshold),
            _size(patches),
            np.clip(4 * np.sqrt(shapely.area(shapes)) / around, 0.0, 1.0),
        ],
        axis=1,
    )


def parcel_terms(parcels: pd.DataFrame, threshold: float) -> Floats:
    """The terms (n, `PARCEL_TERMS`) of parcels; see `parcel_confidence`."""
    return np.stack(
        [
            _over(parcels["strength"], threshold),
            _size(parcels),
            parcels["changed_share"].to_numpy(dtype=np.float64),
            parcels["seen_share"].to_numpy(dtype=np.float64) - 1.0,
        ],
        axis=1,
    )


def patch_confidence(patches: gpd.GeoDataFrame, threshold: float) -> Floats:
    """Confidence that something other than the season changed in each patch.

    Parameters
    ----------
    patches : GeoDataFrame
        ``kind``, ``seasonal``, ``strength`` (mean of the patch's pixels), ``pixels``, geometry.
    threshold : float
        Strength above which a pixel has changed.

    Returns
    -------
    float64, (n,)
        0 to 1.
    """
    return load_models()["patches"](patch_terms(patches, threshold), kind_names(patches))


def parcel_confidence(parcels: pd.DataFrame, threshold: float) -> Floats:
    """Confidence that something other than the season changed in each changed parcel.

    Parameters
    ----------
    parcels : DataFrame
        ``kind``, ``seasonal``, ``strength`` (mean over the part that changed), ``pixels`` (size of
        this part), ``changed_share``, ``seen_share``.
    threshold : float
        Strength above which a pixel has changed.

    Returns
    -------
    float64, (n,)
        0 to 1.
    """
    return load_models()["parcels"](parcel_terms(parcels, threshold), kind_names(parcels))
