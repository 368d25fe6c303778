"""What changed into what, from the spectra of both dates.

Each date's pixel is first given a state of the ground (`states`), then the pair of states says
the kind (`_TRANSITIONS`). States rest on physics that holds for surface reflectance anywhere:
leaves absorb red and reflect near infrared; water absorbs short-wave infrared; soil reflects
more the longer the wave, while concrete, asphalt and metal are nearly grey. A change between
states that a field goes through in a year is marked *seasonal*: two dates cannot tell it from
sowing or harvest. Scenes whose reflectance is not known get the kind ``other``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from yuxi_gis.change.spectra import Spectra, bsi, has_reflectance, mndwi, ndvi, reflectance
from yuxi_gis.read.raster import Pair

__all__ = ["KINDS", "Kind", "by_code", "find_kinds", "kind_codes", "states"]


@dataclass(frozen=True)
class Kind:
    """One row of the table of kinds.

    Attributes
    ----------
    code : int
        Number in the `kind` band of the change raster; 0 is no change.
    id : str
        English id; rows that differ only in `seasonal` share it.
    zh, en : str
        Titles.
    tblx : str
        图斑类型 of the monitoring patch (reference 1.6).
    seasonal : bool
        Two dates cannot tell it from a harvest, a sowing or a shadow.
    least_m2 : float
        Smallest patch that is reported: 最小上图面积 of the third land survey (200 m² built,
        400 m² agricultural, 600 m² other).
    """

    code: int
    id: str
    zh: str
    en: str
    tblx: str
    seasonal: bool
    least_m2: float


KINDS: tuple[Kind, ...] = (
    Kind(1, "built", "新增建（构）筑物或硬化", "new building or hard surface", "20", False, 200),
    Kind(2, "water", "新增水面", "new water", "SM", False, 400),
    Kind(3, "planted", "植被增加", "more vegetation", "02", False, 400),
    Kind(4, "planted", "植被增加", "more vegetation", "01", True, 400),
    Kind(5, "bare", "植被减少或裸土", "less vegetation or bare soil", "LT", False, 400),
    Kind(6, "bare", "植被减少或裸土", "less vegetation or bare soil", "LT", True, 400),
    Kind(7, "cleared", "建（构）筑物拆除", "building or hard surface removed", "TP", False, 200),
    Kind(8, "other", "其他变化", "other change", "QT", True, 600),
    Kind(9, "other", "其他变化", "other change", "QT", False, 600),
)
_CODES = {kind.code: kind for kind in KINDS}

_UNKNOWN = 9
_SEASONAL = 8

# States of the ground.
DARK, WATER, BUILT, BARE, HERB, WOODY = _ALL = range(6)

_TRANSITIONS: tuple[tuple[set[int], set[int], int], ...] = (
    # from, to, kind; the first row that fits counts, and what fits none is seasonal
    ({BUILT}, {BUILT}, 8),
    ({WATER}, {WATER}, 8),
    ({DARK}, set(_ALL), 8),
    (set(_ALL), {WATER}, 2),
    (set(_ALL), {BUILT}, 1),
    ({BUILT}, {BARE, HERB, WOODY}, 7),
    ({WATER, BARE, HERB}, {WOODY}, 3),
    ({WATER, BARE}, {HERB}, 4),
    ({WOODY}, {BARE}, 5),
    ({WATER, HERB}, {BARE}, 6),
)


def _lookup() -> NDArray[np.int16]:
    table = np.full((len(_ALL), len(_ALL)), _SEASONAL, dtype=np.int16)
    for sources, targets, code in reversed(_TRANSITIONS):
        table[np.ix_(sorted(sources), sorted(targets))] = code
    return table


_TABLE = _lookup()


def by_code(code: int) -> Kind:
    """The kind with this raster code."""
    return _CODES[int(code)]


def states(s: Spectra) -> NDArray[np.int8]:
    """State of the ground at one date.

    Parameters
    ----------
    s : mapping of role to float32 (rows, columns)
        Surface reflectance of the six bands.

    Returns
    -------
    int8, (rows, columns)
        ``DARK, WATER, BUILT, BARE, HERB, WOODY``.
    """
    green_leaves, soil, water = ndvi(s), bsi(s), mndwi(s)
    grey = s["blue"] > 0.6 * s["red"]  # concrete about 0.8, soils 0.35 to 0.57
    tests = (
        ((water > 0.1) & (s["nir"] < 0.15), WATER),
        ((s["nir"] < 0.10) & (s["swir1"] < 0.08), DARK),
        (grey & (soil < 0.14) & (green_leaves < 0.25), BUILT),
        (grey & (soil < 0.14) & (green_leaves < 0.45) & (s["blue"] > 0.10), BUILT),
        ((green_leaves > 0.55) & (s["swir1"] < 0.18) & (s["green"] < 0.08), WOODY),
        (green_leaves > 0.35, HERB),
    )
    return np.select(
        [test for test, _ in tests], [np.int8(state) for _, state in tests], np.int8(BARE)
    ).astype(np.int8)


def kind_codes(
    before: Spectra, after: Spectra, changed: NDArray[np.bool_], strength: NDArray[np.floating]
) -> NDArray[np.int16]:
    """Kind code of every changed pixel; 0 elsewhere.

    Parameters
    ----------
    before, after : mapping of role to float32 (rows, columns)
        Surface reflectance of the six bands.
    changed : bool, (rows, columns)
    strength : float, (rows, columns)
    """
    codes = np.where(changed, _TABLE[states(before), states(after)], 0).astype(np.int16)
    return _settled(codes, strength)


def find_kinds(
    pair: Pair,
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    changed: NDArray[np.bool_],
    strength: NDArray[np.floating],
) -> NDArray[np.int16]:
    """`kind_codes` of a block of stored numbers (bands, rows, columns) of `pair`.

    Without known reflectances every changed pixel is of the kind ``other``.
    """
    if not has_reflectance(pair):
        return np.where(changed, _UNKNOWN, 0).astype(np.int16)
    return kind_codes(*reflectance(pair, before, after), changed, strength)


def _settled(codes: NDArray[np.int16], strength: NDArray[np.floating]) -> NDArray[np.int16]:
    """Each changed pixel gets the kind that weighs most in its 3 × 3 surround.

    Weight is strength: mixed pixels at the rim of a change lie between two states and may look
    like a third, but they changed less than its body.
    """
    votes = np.stack(
        [
            uniform_filter(np.where(codes == kind.code, strength, 0.0), 3, mode="constant")
            for kind in KINDS
        ]
    )
    winners = np.array([kind.code for kind in KINDS], dtype=np.int16)[votes.argmax(axis=0)]
    return np.where(codes > 0, winners, 0).astype(np.int16)
