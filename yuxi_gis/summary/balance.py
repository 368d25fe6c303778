"""Whole units that add up: 平差 of areas to the last 0.01 m²."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["balanced", "hundredths"]

_MOST = 1e15  # m²

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def hundredths(values: npt.ArrayLike) -> Integers:
    """Numbers as whole hundredths, the precision of the official area fields; 0 where there is no
    number that an area can be (10⁹ km² at most)."""
    number = np.asarray(values, dtype=float)
    sane = np.abs(number, where=np.isfinite(number), out=np.full(number.shape, np.inf)) <= _MOST
    return np.rint(np.where(sane, number, 0.0) * 100).astype(np.int64)


def balanced(weights: npt.ArrayLike, groups: npt.ArrayLike, totals: npt.ArrayLike) -> Integers:
    """Share out the total of each group in proportion to weights, in whole units.

    Each gets the whole part of its share; what is left goes one unit at a time to those with the
    largest remainder, of equal ones to the first.

    Parameters
    ----------
    weights : array-like of float, shape (n,)
        Not negative. Where all of a group are 0, each counts the same.
    groups : array-like of int, shape (n,)
        0 … m-1, in any order.
    totals : array-like of int, shape (m,)
        Not negative; what a group without members has is not shared out.

    Returns
    -------
    ndarray of int64, shape (n,)
        Adds up to `totals` in each group.

    Notes
    -----
    The residual in proportion, then the remainder one unit at a time (largest remainder), is how
    offices balance survey areas to their control area.

    Examples
    --------
    >>> balanced([1, 1, 1], [0, 0, 0], [100]).tolist()
    [34, 33, 33]
    """
    weight = np.asarray(weights, dtype=float)
    group = np.asarray(groups, dtype=np.intp)
    total = np.asarray(totals, dtype=np.int64)
    whole = np.bincount(group, weight, minlength=len(total))
    weight = np.where(whole[group] > 0, weight, 1.0)
    whole = np.bincount(group, weight, minlength=len(total))
    quota = weight / whole[group] * total[group]
    units = np.floor(quota).astype(np.int64)
    given = np.zeros(len(total), dtype=np.int64)
    np.add.at(given, group, units)
    order = np.lexsort([-(quota - units), group])
    start = np.searchsorted(group[order], np.arange(len(total)))
    rank = np.empty(len(group), dtype=np.int64)
    rank[order] = np.arange(len(group)) - start[group[order]]
    missing = (total - given)[group]
    units += rank < missing
    if (missing < 0).any():  # a quota rounded up to a whole number
        last = np.bincount(group, minlength=len(total))[group] - 1 - rank
        units -= last < -missing
    return units
