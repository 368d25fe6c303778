"""Change vector analysis (CVA).

W.A. Malila, "Change vector analysis: an approach for detecting forest changes with Landsat",
Proc. Machine Processing of Remotely Sensed Data Symposium, Purdue University, 1980;
L. Bruzzone & D. Fernández Prieto, "Automatic analysis of the difference image for unsupervised
change detection", IEEE Trans. Geoscience and Remote Sensing 38(3), 2000, 10.1109/36.843009.

The second date is brought to the radiometry of the first (`normalise`, from the pixels that
IR-MAD takes for unchanged), and the length of the difference over all bands is the strength.
Each band counts in units of the scatter of its unchanged pixels, so that units do not matter.
Bands are correlated; the squared length follows χ² with the degrees of freedom of
F.E. Satterthwaite, Biometrics Bulletin 2(6), 1946, 10.2307/3002019.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from yuxi_gis.change.irmad import fit_mad
from yuxi_gis.change.normalise import fit_normalisation
from yuxi_gis.change.variates import CONSTANT, Variates, covariance

__all__ = ["fit_cva"]


def fit_cva(before: NDArray[np.floating], after: NDArray[np.floating]) -> Variates:
    """Normalise the second date and find the scatter of each band's differences.

    Parameters
    ----------
    before, after : float, (bands, pixels)
        Stored numbers; any units, any gain and offset per band.

    Raises
    ------
    SceneError
        Too few pixels, or no band varies in both scenes.
    """
    mad = fit_mad(before, after)
    weight, n = mad.unchanged, len(mad.bands)
    x, y = (
        (date[mad.bands] - mad.centre[i, :, None]) / mad.spread[i, :, None]
        for i, date in enumerate((before, after))
    )
    normalisation = fit_normalisation(x, y, weight)
    difference = x - normalisation.apply(y)
    scatter = covariance(difference, difference, weight)
    scatter += np.diag(CONSTANT**2 * (1 + normalisation.gain**2))
    unit = np.sqrt(np.diag(scatter))
    mean = difference @ weight / weight.sum()
    return Variates(
        bands=mad.bands,
        centre=mad.centre,
        spread=mad.spread,
        before=np.diag(1 / unit),
        after=np.diag(normalisation.gain / unit),
        offset=(mean + normalisation.offset) / unit,
        degrees=float(n**2 / np.square(scatter / np.outer(unit, unit)).sum()),
        unchanged=weight,
    )
