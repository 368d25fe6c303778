"""Image differencing of a spectral index.

A. Singh, "Digital change detection techniques using remotely-sensed data", International Journal
of Remote Sensing 10(6), 1989, 10.1080/01431168908903939.

The second date is brought to the radiometry of the first (`normalise`, from the pixels that
IR-MAD takes for unchanged), and the index of the one is subtracted from that of the other. It
sees only what its two bands show: NDVI tells plants from the rest and is blind to a pond that
becomes a roof.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from yuxi_gis.change.irmad import fit_mad
from yuxi_gis.change.normalise import fit_normalisation
from yuxi_gis.change.variates import CHUNK, RELATIVE, Floats
from yuxi_gis.errors import SceneError

__all__ = ["INDICES", "Difference", "Index", "fit_difference"]


@dataclass(frozen=True)
class Index:
    """A normalised difference of two bands, ``(up - down) / (up + down)``.

    Attributes
    ----------
    id, title : str
    up, down : str
        Band roles.
    source : str
    """

    id: str
    title: str
    up: str
    down: str
    source: str


INDICES = {
    row.id: row
    for row in (
        Index("ndvi", "vegetation", "nir", "red", "Rouse et al. 1974, NASA SP-351"),
        Index("ndwi", "open water", "green", "nir", "McFeeters 1996, 10.1080/01431169608948714"),
        Index("mndwi", "open water", "green", "swir1", "Xu 2006, 10.1080/01431160600589179"),
        Index("ndmi", "leaf water", "nir", "swir1", "Gao 1996, 10.1016/S0034-4257(96)00067-3"),
        Index("ndbi", "built-up land", "swir1", "nir", "Zha 2003, 10.1080/01431160304987"),
        Index("nbr", "burnt land", "nir", "swir2", "Key & Benson 2006, RMRS-GTR-164-CD"),
    )
}
"""The indices by id."""

Image = NDArray[np.float32]

_TINY = np.finfo(np.float32).tiny


@dataclass(frozen=True)
class Difference:
    """A fitted difference of an index.

    Attributes
    ----------
    index : Index
    up, down : int
        0-based bands.
    gain, offset : float64, (2,)
        After → before radiometry of the two bands.
    centre, scatter : float
        Mean difference of the unchanged pixels, and its standard deviation together with the
        uncertainty that reflectances are granted.
    unchanged : float64, (pixels,)
        Weight of each pixel of the sample as unchanged, 0..1.
    """

    index: Index
    up: int
    down: int
    gain: Floats
    offset: Floats
    centre: float
    scatter: float
    unchanged: Floats

    @property
    def degrees(self) -> float:
        """Degrees of freedom of squared strength under no change: one number a pixel."""
        return 1.0

    def strength(
        self, before: NDArray[np.floating], after: NDArray[np.floating]
    ) -> NDArray[np.float32]:
        """Difference of the index in units of its uncertainty, without sign.

        Parameters
        ----------
        before, after : float, (bands, …)
            Stored numbers of the same pixels.

        Returns
        -------
        float32, (…)
        """
        shape, bands = before.shape[1:], [self.up, self.down]
        one, two = ([date[band].reshape(-1) for band in bands] for date in (before, after))
        out = np.empty(one[0].shape, dtype=np.float32)
        unit, centre = np.float32(2 / self.scatter), np.float32(self.centre / self.scatter)
        gain, offset = self.gain.astype(np.float32), self.offset.astype(np.float32)
        # A chunk at a time, in arrays that are made once: a pass over the whole block for each
        # step would take most of the time.
        room = np.empty((2, 2, CHUNK), dtype=np.float32)
        for start in range(0, len(out), CHUNK):
            part = slice(start, start + CHUNK)
            first, second = room[:, :, : len(out[part])]
            for i in range(len(bands)):
                np.multiply(two[i][part], gain[i], out=second[i], casting="unsafe")
                second[i] += offset[i]
            # The index is 1 - 2 shares.
            up, down = (_floats(one[i][part], first[i]) for i in range(len(bands)))
            difference = _share(up, down, out=first[1])
            difference -= _share(second[0], second[1], out=second[1])
            difference *= unit
            difference -= centre
            np.abs(difference, out=out[part])
        return out.reshape(shape)

    def tags(self) -> dict[str, str]:
        """What the result says of the fit."""
        return {
            "INDEX": self.index.id,
            "BANDS_USED": f"{self.up + 1} {self.down + 1}",
            "INDEX_SCATTER": f"{self.scatter:.6g}",
        }


def fit_difference(
    before: NDArray[np.floating],
    after: NDArray[np.floating],
    roles: tuple[str | None, ...],
    index: str = "ndvi",
) -> Difference:
    """Normalise the second date and find the scatter of the index's differences.

    Parameters
    ----------
    before, after : float, (bands, pixels)
        Numbers proportional to reflectance (the index has no meaning where they carry an offset).
    roles : tuple of (str or None)
        Of the bands.
    index : str
        Key of `INDICES`.

    Raises
    ------
    SceneError
        The bands of the index are not known, too few pixels, or no band varies in both scenes.
    """
    row = INDICES[index]
    missing = [role for role in (row.up, row.down) if role not in roles]
    if missing:
        named = ", ".join(missing)
        raise SceneError(
            f"指数差分（{row.id}）需要波段 {row.up} 和 {row.down}，影像中未识别出 {named}。"
            "请用 --bands 指明波段（如 red=3,nir=4），或改用默认方法 irmad。",
            f"differencing {row.id} needs the bands {row.up} and {row.down}, and {named} is not "
            "known. Say which they are with --bands (for example red=3,nir=4), or use the default "
            "method irmad.",
        )
    weight = fit_mad(before, after).unchanged
    bands = [roles.index(row.up), roles.index(row.down)]
    normalisation = fit_normalisation(before[bands], after[bands], weight)
    one, two = _index(*before[bands]), _index(*normalisation.apply(after[bands]))
    centre = float(np.average(two - one, weights=weight))
    variance = float(np.average(np.square(two - one - centre), weights=weight))
    # An error of 5 % in each band and date spreads the difference by 5 % of 1 - index².
    granted = RELATIVE * float(np.average(1 - np.square(one), weights=weight))
    return Difference(
        index=row,
        up=bands[0],
        down=bands[1],
        gain=normalisation.gain,
        offset=normalisation.offset,
        centre=centre,
        scatter=float(np.hypot(np.sqrt(variance), granted)),
        unchanged=weight,
    )


def _index(up: Image, down: Image) -> Image:
    """(up - down) / (up + down) within ±1; 0 where neither band has light."""
    return np.float32(1) - 2 * _share(up, down, np.empty_like(up))


def _floats(numbers: NDArray[np.floating], room: Image) -> Image:
    """The numbers as float32; in `room` where they are not."""
    if numbers.dtype == np.float32:
        return numbers
    np.copyto(room, numbers, casting="unsafe")
    return room


def _share(up: Image, down: Image, out: Image) -> Image:
    """down / (up + down); `out` may be `down`.

    Ground gives back no less than no light, whatever haze was taken off; and a sum is never
    nought, so half is the share where neither band has light.
    """
    # To look takes a fifth of the time of setting a floor, which is seldom needed.
    up, down = (np.maximum(band, _TINY) if band.min() < _TINY else band for band in (up, down))
    total = np.add(up, down)
    return np.divide(down, total, out=out)
