"""One layer under judgement: what its rules share, worked out once."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from pyproj import CRS
from pyproj.exceptions import ProjError

from yuxi_gis import findings
from yuxi_gis.catalog import CodeList, Edition, FieldSpec, LayerSpec
from yuxi_gis.checks.edges import Edges, unmatched
from yuxi_gis.checks.pairs import Pairs, conflicts, polygonal
from yuxi_gis.checks.profile import Profile
from yuxi_gis.crs import Bounds, datum, metric, robust_bounds
from yuxi_gis.errors import CRSError
from yuxi_gis.read.fields import official_names
from yuxi_gis.regions import region_code
from yuxi_gis.units import ellipsoidal_area

__all__ = ["Floats", "Mask", "Rows", "Shapes", "Subject", "Texts", "out_of_reach", "severity_of"]

Mask = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.object_]
Shapes = npt.NDArray[np.object_]
Rows = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]

# What people and programs write where they mean nothing (reference catalogue, check A01).
_BLANK = ("", "NULL", "<NULL>", "NONE", "NAN", "<NA>", "无")
# Halves of characters that no text can hold (UTF-16 surrogates).
_SURROGATES = re.compile(r"[\ud800-\udfff]")


def severity_of(confidence: str) -> str:
    """What is demanded by a source that nobody verified is at most a warning."""
    return "error" if confidence in ("V", "M") else "warning"


class Subject:
    """A layer, its catalogue entry and the profile, for the rules to ask.

    Parameters
    ----------
    frame : GeoDataFrame or DataFrame
        Official field names in any case; any index. Without geometry for a table.
    spec : LayerSpec
    profile : Profile
    others : mapping of str to Subject
        All layers of the run by id, this one too.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        spec: LayerSpec,
        profile: Profile,
        others: Mapping[str, Subject],
    ) -> None:
        self.frame = frame
        self.spec = spec
        self.profile = profile
        self.others = others
        self._texts: dict[str, pd.Series] = {}

    # Attributes ------------------------------------------------------------------------------

    @cached_property
    def _columns(self) -> dict[str, int]:
        """Where each official field lies, by its name or an alias in any case."""
        names = [str(name) for name in self.frame.columns]
        official = official_names(dict.fromkeys(names), self.spec)
        return {field: names.index(name) for name, field in official.items()}

    @cached_property
    def edition(self) -> Edition | None:
        """The older standard that the layer follows, as it was read or by its field names."""
        read = self.frame.attrs.get("edition")
        known = {edition.name: edition for edition in self.spec.editions}
        return known[read] if read in known else self.spec.edition(map(str, self.frame.columns))

    def codes(self, field: FieldSpec) -> CodeList | None:
        """The code list of `field`, in the edition that the layer follows."""
        return self.edition.code_list(field) if self.edition else field.codes

    @property
    def noun(self) -> tuple[str, str]:
        """What one record is called, in Chinese and in English."""
        return ("地块", "Parcel") if self.spec.geometry == "Polygon" else ("记录", "Record")

    def has(self, field: str) -> bool:
        """Whether the layer has the official field."""
        return field in self._columns

    def column(self, field: str) -> pd.Series:
        """The official field as it is, index 0 … n-1."""
        return self.frame.iloc[:, self._columns[field]].reset_index(drop=True)

    def text(self, field: str) -> pd.Series:
        """The official field as stripped text; missing where there is nothing in it.

        Whole numbers have no decimals; ``NULL``, ``无`` and blanks of any width are nothing.
        """
        if field not in self._texts:  # many rules ask for the same codes
            self._texts[field] = self._text_of(self.column(field))
        return self._texts[field]

    @staticmethod
    def _text_of(column: pd.Series) -> pd.Series:
        if pd.api.types.is_float_dtype(column.dtype):
            whole = column.dropna()
            if (whole % 1 == 0).all() and (whole.abs() < 2**53).all():
                column = column.astype("Int64")
        if column.dtype == object:  # may hold what cannot be counted, a list for example
            column = column.map(_text, na_action="ignore")
        # Most fields have few values: work on each value once.
        row_value, values = pd.factorize(column)
        text = pd.Series([_text(value) for value in values], dtype="str").str.strip()
        text = text.mask(text.str.upper().isin(_BLANK))
        return pd.Series(text.array.take(row_value, allow_fill=True))

    def number(self, field: str) -> npt.NDArray[np.float64]:
        """The official field as numbers; nan where there is nothing, or no finite number."""
        column = self.column(field)
        if not pd.api.types.is_numeric_dtype(column.dtype):
            column = self.text(field)
        number = pd.to_numeric(column, errors="coerce").to_numpy("float64", na_value=np.nan)
        return np.where(np.isfinite(number), number, np.nan)

    @cached_property
    def row(self) -> npt.NDArray[np.intp]:
        """The rows' numbers as people count them: 1 … n."""
        return np.arange(1, len(self.frame) + 1)

    @cached_property
    def feature(self) -> Texts:
        """What to call each parcel: its code; ``#12`` where that is missing or not unique."""
        good = np.zeros(len(self.frame), dtype=bool)
        label = np.empty(len(self.frame), dtype=object)
        if self.has(self.spec.key):
            code = self.text(self.spec.key)
            good = (code.notna() & ~code.duplicated(keep=False)).to_numpy()
            label[good] = [findings.printable(text) for text in code[good]]
        label[~good] = [f"#{row}" for row in self.row[~good]]
        return label

    @cached_property
    def region(self) -> pd.Series:
        """The code of the village (12 digits), town (9) or county (6) of each record, or missing;
        index 0 … n-1."""
        if self.spec.region is None or not self.has(self.spec.region):
            return pd.Series(None, index=range(len(self.frame)), dtype="str")
        return region_code(self.text(self.spec.region))

    # Geometry --------------------------------------------------------------------------------

    @property
    def crs(self) -> CRS | None:
        """The layer's CRS; a table has none."""
        if isinstance(self.frame, gpd.GeoDataFrame) and self.shaped:
            return self.frame.crs
        return None

    @property
    def shaped(self) -> bool:
        """Whether it has geometry; a table, or a ledger of a layer, has none."""
        return (
            isinstance(self.frame, gpd.GeoDataFrame) and self.frame.active_geometry_name is not None
        )

    @cached_property
    def shapes(self) -> Shapes:
        """The geometry as it is; all missing in a table."""
        if self.shaped:
            return self.frame.geometry.to_numpy()
        return np.full(len(self.frame), None)

    def drawn(self, which: Mask | Rows) -> Shapes:
        """Those of `shapes`."""
        return np.asarray(self.shapes[which])

    @cached_property
    def valid(self) -> Mask:
        """OGC validity; missing geometry is not valid."""
        return shapely.is_valid(self.shapes)

    @cached_property
    def sound(self) -> Shapes:
        """The polygons, invalid ones repaired *to be measured*, in the layer's CRS.

        Empty where there is no area; missing where there is no geometry or a coordinate is no
        number.
        """
        return _sound(self.shapes, self.valid)

    @cached_property
    def metre(self) -> gpd.GeoSeries:
        """`sound` in a CRS in metres.

        Raises
        ------
        CRSError
            The layer has no CRS, or its coordinates lie outside it.
        """
        series = gpd.GeoSeries(self.sound, crs=self.crs)
        try:
            moved = metric(series)
        except (ProjError, RuntimeError, ValueError) as error:
            raise out_of_reach(self.row) from error
        return series if moved is series else gpd.GeoSeries(self.polygons(moved.crs), crs=moved.crs)

    def polygons(self, crs: Any) -> Shapes:
        """`sound` in another CRS, valid there too.

        Raises
        ------
        CRSError
            The coordinates lie outside the layer's CRS, or outside the other one; or nothing but
            a ballpark leads from the one datum to the other.
        """
        moved = datum.to_crs(gpd.GeoSeries(self.sound, crs=self.crs), crs).to_numpy()
        here = ~(shapely.is_missing(self.sound) | shapely.is_empty(self.sound))
        outside = here & ~np.isfinite(shapely.bounds(moved)).all(axis=1)
        if outside.any():
            raise out_of_reach(self.row[outside])
        return _sound(moved, shapely.is_valid(moved))

    @property
    def plane(self) -> CRS:
        """The CRS in metres of `metre`."""
        return self.metre.crs

    @cached_property
    def conflicts(self) -> Pairs:
        """The pairs of parcels that share area (see `pairs.conflicts`)."""
        profile = self.profile
        return conflicts(
            self.metre.to_numpy(),
            profile.number("overlap_area"),
            profile.number("equal_distance"),
            lambda: self.edges,
        )

    @cached_property
    def edges(self) -> Edges:
        """The edges of `metre` that no neighbour shares (see `edges.unmatched`)."""
        return self.unshared(np.ones(len(self.frame), dtype=bool))

    def unshared(self, which: Mask) -> Edges:
        """The edges of the parcels `which` that none of these shares."""
        return unmatched(np.where(which, self.metre.to_numpy(), np.array(None)))

    @cached_property
    def ellipsoidal(self) -> Floats:
        """The area of each parcel on the ellipsoid, m² (`units.ellipsoidal_area`)."""
        return ellipsoidal_area(gpd.GeoSeries(self.sound, crs=self.crs))

    def planar(self, which: Mask) -> Floats:
        """The areas of the parcels `which` in `metre`, m²."""
        return np.asarray(shapely.area(self.metre.to_numpy()[which]))

    # The layer as a whole, which may be larger than memory (`tiles`) --------------------------

    #: How far around a parcel the parcels of other layers are there (m).
    reach = math.inf

    @cached_property
    def bounds(self) -> Floats:
        """West, south, east and north of each of `shapes`; nan where there is none."""
        return np.asarray(shapely.bounds(self.shapes))

    @cached_property
    def kinds(self) -> npt.NDArray[np.integer[Any]]:
        """Shapely's type id of each of `shapes`, -1 where there is none."""
        return np.asarray(shapely.get_type_id(self.shapes))

    @cached_property
    def place(self) -> Bounds | None:
        """Where nearly all of the coordinates lie (`crs.robust_bounds`)."""
        return robust_bounds(self.shapes)

    def sampled(self) -> gpd.GeoDataFrame:
        """Rows from all over the layer, enough to look for a shift (`crs.gcj02`)."""
        return self.frame

    def each(self) -> Iterator[Subject]:
        """The layer in parts that fit in memory, each parcel in one of them, with all parcels of
        other layers within `reach`."""
        yield self

    def wider(self) -> Subject:
        """The same parcels with others around them from farther away."""
        return self

    def around(self, shapes: Shapes) -> Subject:
        """The parcels whose bounds come near those of `shapes`, which are in `metre`'s CRS."""
        return self

    # Findings --------------------------------------------------------------------------------

    def at(
        self, which: Mask | npt.NDArray[np.intp], *, zh: str, en: str, **columns: Any
    ) -> gpd.GeoDataFrame:
        """Findings on the parcels `which`, placed at a point inside each; see `findings.make`."""
        polygons = self.spec.geometry == "Polygon"
        shapes = self.sound if polygons else shapely.force_2d(self.shapes)
        points = shapely.point_on_surface(shapes[which])
        return findings.make(self.feature[which], points, self.crs, zh=zh, en=en, **columns)

    def whole(self, names: Texts | list[str], *, zh: str, en: str, **columns: Any) -> Any:
        """Findings on the layer as such, one for each of `names` (``{name}`` in the templates)."""
        words = {"name": np.asarray(names, dtype=object), **columns.pop("words", {})}
        blank = np.full(len(names), "", dtype=object)
        return findings.make(blank, None, None, zh=zh, en=en, words=words, **columns)


def _text(value: object) -> str:
    return _SURROGATES.sub("\ufffd", str(value))


def _sound(shapes: Shapes, valid: Mask) -> Shapes:
    sound = np.array(shapes, dtype=object)
    high = shapely.has_z(sound) | shapely.has_m(sound)
    sound[high] = shapely.force_2d(sound[high])  # the others stay the same objects, not copies
    sound[np.isnan(shapely.area(sound))] = None
    broken = ~valid & ~shapely.is_missing(sound)
    if broken.any():
        # "structure" keeps what a ring that crosses itself encloses twice; "linework" cuts it out.
        mended = shapely.make_valid(sound[broken], method="structure", keep_collapsed=False)
        sound[broken] = polygonal(mended)
    return polygonal(sound)


def out_of_reach(rows: Rows) -> CRSError:
    """The error for rows whose coordinates cannot be brought to metres."""
    return CRSError(
        f"{len(rows)} 个地块（第 {rows[0]} 行起）的坐标超出坐标系的范围，无法换算为米。"
        "请核对坐标系是否标错。",
        f"The coordinates of {len(rows)} parcels (the first in row {rows[0]}) lie outside their "
        "CRS and cannot be brought to metres. Check whether the CRS is the right one.",
    )
