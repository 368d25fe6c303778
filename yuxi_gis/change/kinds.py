"""What changed into what, from the spectra of both dates.

Each date's pixel is first given a state of the ground (`states`), then the pair of states says
the kind (`_TRANSITIONS`). States rest on physics that holds for surface reflectance anywhere:
leaves absorb red and reflect near infrared; water absorbs short-wave infrared; soil reflects
more the longer the wave, while concrete, asphalt and metal are nearly grey. A change between
states that a field goes through in a year is marked *seasonal*: two dates cannot tell it from
sowing or harvest. Without short-wave infrared wet soil and water, bare soil and bright roofs
are told apart less surely.

Where parcels say what lies on the ground (`appearance`), they are heard: new green that looks like
the scene's other fields, and not like its trees, is a crop. Of scenes whose reflectance is not
known they are all that is known; with neither, every change is of the kind ``other``.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, uniform_filter

from yuxi_gis.change.appearance import BUILT as BUILT_LAND
from yuxi_gis.change.appearance import CLASSES, CROP, TREES, Appearance
from yuxi_gis.change.appearance import WATER as OPEN_WATER
from yuxi_gis.change.spectra import (
    ROLES,
    Levels,
    Spectra,
    bsi,
    has_reflectance,
    mndwi,
    ndvi,
    ndwi,
    reflectance,
    without_haze,
)
from yuxi_gis.read.raster import Pair

__all__ = [
    "KINDS",
    "Kind",
    "body",
    "by_code",
    "find_kinds",
    "reviewed",
    "settled",
    "spectral_kinds",
    "states",
    "transition",
]


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
    least_share : float
        Smallest share of a parcel that is reported: half where a field changes as a whole, so
        that the blurred rim of the next field does not count; a tenth where it may be a corner.
    """

    code: int
    id: str
    zh: str
    en: str
    tblx: str
    seasonal: bool
    least_m2: float
    least_share: float

    @property
    def by_field(self) -> bool:
        """Whether a field changes so as a whole, rather than in a corner."""
        return self.least_share >= 0.5


KINDS: tuple[Kind, ...] = (
    Kind(
        1, "built", "新增建（构）筑物或硬化", "New building or hard surface", "20", False, 200, 0.1
    ),
    Kind(2, "water", "新增水面", "New water", "SM", False, 400, 0.5),
    Kind(3, "planted", "植被增加", "More vegetation", "02", False, 400, 0.5),
    Kind(4, "planted", "植被增加", "More vegetation", "01", True, 400, 0.5),
    Kind(5, "bare", "植被减少或裸土", "Less vegetation or bare soil", "LT", False, 400, 0.5),
    Kind(6, "bare", "植被减少或裸土", "Less vegetation or bare soil", "LT", True, 400, 0.5),
    Kind(7, "cleared", "建（构）筑物拆除", "Building removed", "TP", False, 200, 0.1),
    Kind(8, "other", "其他变化", "Other change", "QT", True, 600, 0.5),
    Kind(9, "other", "其他变化", "Other change", "QT", False, 600, 0.1),
    Kind(10, "water", "新增水面", "New water", "SM", True, 400, 0.5),
)
_CODES = {kind.code: kind for kind in KINDS}

_BUILT, _WATER, _PLANTED, _GROWN, _FELLED, _SEASONAL, _UNKNOWN = 1, 2, 3, 4, 5, 8, 9
_UNMIXED = (_BUILT, _WATER)
# Share of the examples that a pixel looks like: where nothing else is known, and to overrule what
# its own spectra say.
_LIKELY, _CERTAIN = 0.7, 0.9
_GAIN = 0.12  # in NDVI: less is a field that was half green before

# States of the ground.
DARK, WATER, SHALLOW, BUILT, BARE, SPARSE, GREEN, WOODY, FOREST = _ALL = range(9)

_TRANSITIONS: tuple[tuple[set[int], set[int], int], ...] = (
    # from, to, kind; the first row that fits counts, and what fits none is seasonal
    ({BUILT}, {BUILT}, 8),
    ({WATER, SHALLOW}, {WATER, SHALLOW}, 8),
    ({DARK}, set(_ALL), 8),
    (set(_ALL), {WATER}, 2),
    (set(_ALL), {SHALLOW}, 10),
    (set(_ALL), {BUILT}, 1),
    ({BUILT}, {BARE, SPARSE, GREEN, WOODY, FOREST}, 7),
    ({WATER, SHALLOW, BARE, SPARSE}, {WOODY, FOREST}, 3),
    ({WATER, SHALLOW, BARE, SPARSE}, {GREEN}, 4),
    ({WATER, SHALLOW, BARE}, {SPARSE}, 4),
    ({FOREST}, {BARE}, 5),
    ({WATER, SHALLOW, SPARSE, GREEN, WOODY}, {BARE}, 6),
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
        Surface reflectance of blue, green, red and nir; better of swir1 and swir2, too.

    Returns
    -------
    int8, (rows, columns)
        ``DARK, WATER, SHALLOW, BUILT, BARE, SPARSE, GREEN, WOODY, FOREST``.
    """
    leaves = ndvi(s)
    water = (ndwi(s) > -0.05) & (s["nir"] < 0.13)
    # Half water, half field: a dark pixel whose nir hardly exceeds red, as no dry soil's does.
    water |= (leaves < 0.15) & (s["nir"] < 0.145) & (s["blue"] < 0.085)
    # Concrete has blue at 0.8 of red, soils at 0.35 to 0.57 and hardly above 0.08; what is darker
    # than asphalt is wet soil. Tiles and gravel are reddish, but brighter in blue than soil.
    grey = (s["blue"] > 0.6 * s["red"]) & (s["blue"] > 0.075)
    reddish = (s["blue"] > 0.5 * s["red"]) & (s["blue"] > 0.09)
    dark = s["nir"] < 0.10
    # Trees and shrubs cast shade between their leaves: as green as a crop, but darker in the near
    # infrared, and in swir1 not as dark as a lush crop's wet leaves. Young ones leave ground open;
    # what covers all the ground must be darker still.
    brightness = s["nir"] / np.maximum(leaves, 1e-3)
    shade = brightness < 0.44
    if "swir1" in s:
        soil = bsi(s)
        # Nothing but water is so dark in the infrared without leaves: soils lie at -0.5 in both
        # indices, roofs and asphalt at -0.2 and brighter. swir is often coarser than nir.
        water |= (mndwi(s) > -0.25) & (s["nir"] < 0.14) & (s["swir1"] < 0.13) & (leaves < 0.35)
        grey, reddish = grey & (soil < 0.14), reddish & (soil < 0.18)
        dark &= s["swir1"] < 0.08
        wetness = s["nir"] / np.maximum(s["swir1"], 1e-3)
        shade |= (leaves < 0.68) & (brightness + 0.09 * wetness < 0.67)
    grey |= reddish
    # Deep water takes the red out of what the bottom reflects; over a flooded field it does not.
    shallow = water & (s["green"] < 1.04 * s["red"])
    tests = (
        (shallow, SHALLOW),
        (water, WATER),
        (dark, DARK),
        (grey & (leaves < 0.25), BUILT),
        (grey & (leaves < 0.45) & (s["blue"] > 0.10), BUILT),
        ((leaves > 0.5) & (s["nir"] < 0.4 * leaves), FOREST),
        ((leaves > 0.5) & shade, WOODY),
        (leaves > 0.5, GREEN),
        (leaves > 0.35, SPARSE),
    )
    return np.select(
        [test for test, _ in tests], [np.int8(state) for _, state in tests], np.int8(BARE)
    ).astype(np.int8)


def transition(before: Spectra, after: Spectra) -> NDArray[np.int16]:
    """Kind code of the change between two dates, taken that there was one.

    Parameters
    ----------
    before, after : mapping of role to float32 (…)
        Surface reflectance; see `states`.
    """
    codes = _TABLE[states(before), states(after)]
    little = ndvi(after) - ndvi(before) < _GAIN
    return np.where((codes == _PLANTED) & little, _GROWN, codes).astype(np.int16)


def reviewed(
    codes: NDArray[np.int16],
    first: NDArray[np.floating],
    second: NDArray[np.floating],
    known: Collection[str] = CLASSES,
) -> NDArray[np.int16]:
    """Kind codes in the light of what the ground looks like (`Appearance.likeness`).

    Parameters
    ----------
    codes : int16, (n,)
        From `transition`, or the code of unknown change.
    first, second : float, (classes, n)
        Likeness to each of `appearance.CLASSES` at either date.
    known : collection of str
        The classes that had examples.
    """
    was, now = (dict(zip(CLASSES, shares, strict=True)) for shares in (first, second))
    came = {name: (now[name] >= _LIKELY) & (was[name] <= 1 - _LIKELY) for name in CLASSES}
    field = (was[CROP] >= _CERTAIN) & (now[CROP] >= _CERTAIN) & (BUILT_LAND in known)
    nothing = codes == _UNKNOWN
    tests = (
        (nothing & came[BUILT_LAND], _BUILT),
        (nothing & came[OPEN_WATER], _WATER),
        (nothing & came[TREES], _PLANTED),
        (nothing & (was[TREES] >= _LIKELY) & (now[TREES] <= 1 - _LIKELY), _FELLED),
        (nothing & field, _SEASONAL),
        ((codes == _PLANTED) & (TREES in known) & (now[CROP] >= _CERTAIN), _GROWN),
    )
    heard = np.select([test for test, _ in tests], [code for _, code in tests], 0)
    return np.where(heard > 0, heard, codes).astype(np.int16)


def spectral_kinds(
    pair: Pair,
    unchanged: Levels,
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    places: NDArray[np.integer],
    appearance: Appearance | None = None,
) -> NDArray[np.int16]:
    """Kind code of each pair of spectra, taken that there was a change.

    Parameters
    ----------
    pair : Pair
    unchanged : Levels
        What light, haze and season did to the whole scene.
    before, after : float32, (bands, n)
        Stored numbers.
    places : int, (n, 2)
        Row and column on the grid.
    appearance : Appearance, optional
        What each class of land looks like.
    """
    codes = np.full(before.shape[1], _UNKNOWN, dtype=np.int16)
    if has_reflectance(pair, ROLES[:4]):
        first, second = reflectance(pair, before, after)
        codes = transition(first, without_haze(pair, unchanged, second))
    if appearance is None:
        return codes
    was, now = (appearance.likeness(date, places, n) for n, date in enumerate((before, after)))
    return reviewed(codes, was, now, appearance.classes)


def find_kinds(
    pair: Pair,
    unchanged: Levels,
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    changed: NDArray[np.bool_],
    strength: NDArray[np.floating],
    appearance: Appearance | None = None,
    corner: tuple[int, int] = (0, 0),
) -> NDArray[np.int16]:
    """Kind code of every changed pixel of a block; 0 elsewhere.

    Parameters
    ----------
    pair : Pair
    unchanged : Levels
        What light, haze and season did to the whole scene.
    before, after : float32, (bands, rows, columns)
        Stored numbers.
    changed : bool, (rows, columns)
    strength : float, (rows, columns)
    appearance : Appearance, optional
        What each class of land looks like.
    corner : (int, int)
        Row and column of the block on the grid.
    """
    codes = np.zeros(changed.shape, dtype=np.int16)
    if not changed.any():
        return codes
    places = np.argwhere(changed) + corner
    codes[changed] = spectral_kinds(
        pair, unchanged, before[:, changed], after[:, changed], places, appearance
    )
    return settled(codes, strength)


def body(codes: NDArray[np.int16], strength: NDArray[np.floating]) -> NDArray[np.int16]:
    """Kind codes without the blurred rim of each change.

    A sensor blurs an edge over about a pixel, and at the true edge the change is felt at half
    its strength. Pixels below half of the strongest neighbour of their kind lie outside.
    """
    inside = np.zeros(codes.shape, dtype=bool)
    for code in np.unique(codes[codes > 0]):
        of_kind = codes == code
        peak = maximum_filter(np.where(of_kind, strength, 0.0), 3, mode="constant")
        inside |= of_kind & (strength >= 0.5 * peak)
    return np.where(inside, codes, 0).astype(np.int16)


def settled(codes: NDArray[np.int16], strength: NDArray[np.floating]) -> NDArray[np.int16]:
    """Each changed pixel gets the kind that weighs most in its 3 × 3 surround.

    Weight is strength: mixed pixels at the rim of a change lie between two states and may look
    like a third, but they changed less than its body. Pixels that look built or wet keep their
    kind: no mixture of soil and leaves looks so.
    """
    found = np.unique(codes[codes > 0])
    if len(found) < 2:
        return codes
    votes = np.stack(
        [
            uniform_filter(np.where(codes == code, strength, 0.0), 3, mode="constant")
            for code in found
        ]
    )
    winners = found[votes.argmax(axis=0)]
    own = np.isin(codes, _UNMIXED)
    return np.where(own | (codes == 0), codes, winners).astype(np.int16)
