"""The methods of change detection, one row each.

Every method is fitted to a sample of pixels and then gives, block by block, a *strength* of
change in units of what no change leaves: the scatter of the unchanged pixels, but never less than
the uncertainty that reflectances are granted (`variates`, `difference`). Squared strength under no
change follows χ² with ``degrees`` degrees of freedom, but for a scale that `threshold` finds.

The default is IR-MAD: of all the methods it did best over several pairs
(``docs/change-accuracy.md``), and it needs neither known bands nor normalised radiometry.

Examples
--------
>>> import numpy as np
>>> rng = np.random.default_rng(0)
>>> before = rng.normal(size=(4, 1000))
>>> after = 2 * before + 3 + rng.normal(0, 0.1, before.shape)
>>> after[:, 7] += 5
>>> fitted = METHODS[DEFAULT].fit(before, after, ("blue", "green", "red", "nir"))
>>> int(fitted.strength(before, after).argmax()), fitted.degrees
(7, 4.0)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from yuxi_gis.change.cva import fit_cva
from yuxi_gis.change.difference import fit_difference
from yuxi_gis.change.irmad import fit_mad
from yuxi_gis.change.isfa import fit_isfa

__all__ = ["DEFAULT", "METHODS", "Fitted", "Method"]

Roles = tuple[str | None, ...]
Numbers = NDArray[np.floating]


class Fitted(Protocol):
    """A method fitted to a pair of scenes."""

    @property
    def degrees(self) -> float:
        """Degrees of freedom of squared strength under no change."""

    @property
    def unchanged(self) -> NDArray[np.float64]:
        """Weight of each pixel of the sample as unchanged, 0..1."""

    def strength(self, before: Numbers, after: Numbers) -> NDArray[np.float32]:
        """Strength of change, (…), of stored numbers, (bands, …)."""

    def tags(self) -> dict[str, str]:
        """What the result says of the fit."""


@dataclass(frozen=True)
class Method:
    """A method of change detection.

    Attributes
    ----------
    id : str
    zh, en : str
        What it is called.
    source : str
        Paper and DOI.
    fit : callable
        ``fit(before, after, roles) -> Fitted`` on a sample (bands, pixels) of stored numbers;
        raises SceneError where the sample does not allow it.
    """

    id: str
    zh: str
    en: str
    source: str
    fit: Callable[[Numbers, Numbers, Roles], Fitted]


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        method.id: method
        for method in (
            Method(
                "difference",
                "植被指数差分",
                "differencing of the vegetation index",
                "Singh 1989, 10.1080/01431168908903939",
                fit_difference,
            ),
            Method(
                "cva",
                "变化向量分析",
                "change vector analysis",
                "Malila 1980; Bruzzone & Fernández Prieto 2000, 10.1109/36.843009",
                lambda before, after, roles: fit_cva(before, after),
            ),
            Method(
                "mad",
                "多元变化检测",
                "multivariate alteration detection",
                "Nielsen, Conradsen & Simpson 1998, 10.1016/S0034-4257(97)00162-4",
                lambda before, after, roles: fit_mad(before, after, rounds=1),
            ),
            Method(
                "irmad",
                "迭代加权多元变化检测",
                "iteratively reweighted multivariate alteration detection",
                "Nielsen 2007, 10.1109/TIP.2006.888195",
                lambda before, after, roles: fit_mad(before, after),
            ),
            Method(
                "isfa",
                "迭代慢特征分析",
                "iterative slow feature analysis",
                "Wu, Du & Zhang 2014, 10.1109/TGRS.2013.2266673",
                lambda before, after, roles: fit_isfa(before, after),
            ),
        )
    }
)
"""The methods by id."""

DEFAULT = "irmad"
"""The method of `detect_change` unless another is asked for."""
