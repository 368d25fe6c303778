"""Counties, towns and villages: whose a record is by its code, and what they are called."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

import pandas as pd

from yuxi_gis.catalog import load_codes

__all__ = ["LEVELS", "region_code", "region_name", "region_names"]

#: How many digits of a code name the county, the town and the village (统计用区划代码).
LEVELS: Mapping[str, int] = MappingProxyType({"county": 6, "town": 9, "village": 12})


def region_code(codes: pd.Series, level: str = "village") -> pd.Series:
    """The region that codes begin with.

    Parameters
    ----------
    codes : Series of str
        Parcel, contractor or location codes; 12 digits or more for a village.
    level : {"village", "town", "county"}

    Returns
    -------
    Series of str
        The first 12, 9 or 6 digits. A shorter code, or one that ends in zeros for "the whole town",
        gives the region that it does name; missing where there are not even six digits.

    Examples
    --------
    >>> region_code(pd.Series(["5304020010010000001", "530402001", "x"])).fillna("-").tolist()
    ['530402001001', '530402001', '-']
    """
    # A region is told by the first 12 characters, of which there are few.
    number, beginnings = pd.factorize(codes.astype("str").str[: LEVELS["village"]])
    regions = _region(pd.Series(beginnings, dtype="str"), level)
    # Missing codes have the number -1, which no region has.
    return regions.reindex(number).set_axis(codes.index)


def _region(codes: pd.Series, level: str) -> pd.Series:
    """`region_code` of each code by itself."""
    longest = LEVELS[level]
    digits = codes.str.extract(r"^([0-9]{6,12})", expand=False)
    region = pd.Series(None, index=codes.index, dtype="str")
    for width in sorted(LEVELS.values()):
        if width > longest:
            continue
        part = digits.str[width - 3 : width] if width > LEVELS["county"] else digits.str[:width]
        named = (digits.str.len() >= width) & ~part.isin(["000"])
        # A village is named only within a town that is.
        named &= region.notna() | (width == LEVELS["county"])
        named &= (region.str.len() == width - 3) | (width == LEVELS["county"])
        region = region.mask(named, digits.str[:width])
    return region


def current_code(codes: pd.Series) -> pd.Series:
    """Codes with the six digits that their county has today.

    Only the county's digits change: towns and villages of a former county were numbered anew at
    other times, so a code may still name none of today.

    Parameters
    ----------
    codes : Series of str
        Codes of counties, towns, villages or parcels.

    Returns
    -------
    Series of str
        Missing stays missing.

    Examples
    --------
    >>> current_code(pd.Series(["530421001001", "530402001001"])).tolist()
    ['530403001001', '530402001001']
    """
    codes = codes.astype("str")
    county = codes.str[:6].map(load_codes()["county_former"].successors)
    return codes.mask(county.notna(), county.astype("str") + codes.str[6:])


def region_name(code: str) -> str:
    """The name of a county, town or village of Yuxi; the code itself where it is not known."""
    return region_names().get(code, code)


@cache
def region_names() -> Mapping[str, str]:
    """All names by code, those of former counties, too."""
    lists = load_codes()
    return MappingProxyType({**lists["county_former"].zh, **lists["region"].zh})
