"""The book for field work: a row a patch, with its pictures, and a column for what is found."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import geopandas as gpd
import pandas as pd
from openpyxl.drawing.image import Image
from openpyxl.drawing.spreadsheet_drawing import AnchorMarker, TwoCellAnchor
from openpyxl.utils.units import pixels_to_EMU

from yuxi_gis.catalog import load_catalog
from yuxi_gis.change.kinds import KINDS
from yuxi_gis.change.parcels import gather
from yuxi_gis.checks.baseline import lon_lat
from yuxi_gis.codes import Masking, as_text, mask_codes
from yuxi_gis.export.chips import HEIGHT, WIDTH, Chip
from yuxi_gis.export.jctb import overlaps
from yuxi_gis.export.provenance import Provenance, software
from yuxi_gis.export.spreadsheet import Book, Sheet, Style
from yuxi_gis.findings import printable
from yuxi_gis.outputs import staged
from yuxi_gis.regions import region_code, region_names

__all__ = ["write_field_book"]

_MASKING = Masking()
_NAMED = 8  # parcels named in a row
_SHOWN = 480  # pixels of a chip's width in the sheet
_EDGE = 3  # pixels between a chip and its cells
_POINTS = 0.75  # of a pixel
_NOT_VISITED = frozenset({"landuse"})  # its numbers mean nothing on the ground

_STYLES = {
    "field plain": Style("General", frame=False),
    "field title": Style("General", bold=True, frame=False),
    "field head": Style(wrap=True, bold=True, fill="DDE8D8"),
    "field text": Style(),
    "field long text": Style(wrap=True),
    "field area": Style("0.00"),
    "field share": Style("0.00"),
    "field degrees": Style("0.000000"),
    "field result": Style(wrap=True, fill="FFFBEA", locked=False),
}


@dataclass(frozen=True)
class _Column:
    """A column: its header in both languages, width and style."""

    zh: str
    en: str
    width: float
    style: str = "field text"


_COLUMNS = {
    "number": _Column("图斑编号", "Patch", 9),
    "kind": _Column("疑似变化", "Suspected change", 16, "field long text"),
    "m2": _Column("面积（m²）", "Area (m²)", 11, "field area"),
    "mu": _Column("面积（亩）", "Area (mu)", 9, "field area"),
    "confidence": _Column("置信度", "Confidence", 8, "field share"),
    "village": _Column("村", "Village", 16, "field long text"),
    "parcels": _Column("涉及地块", "Parcels", 25, "field long text"),
    "lon": _Column("经度", "Longitude", 12, "field degrees"),
    "lat": _Column("纬度", "Latitude", 11, "field degrees"),
    "result": _Column("核实结果", "Found on the ground", 24, "field result"),
    "before": _Column("前时相", "Before", 34),
    "after": _Column("后时相", "After", 34),
}
_PICTURES = list(_COLUMNS).index("before")
_SEASON = ("（可能只是季节变化）", " (possibly only the season)")


class _Picture(Image):
    """A picture as bytes: openpyxl's own needs Pillow only to ask for its size."""

    def __init__(self, chip: Chip) -> None:
        self.ref = chip.data
        self.width, self.height, self.format = WIDTH, HEIGHT, chip.format

    def _data(self) -> bytes:
        return self.ref


def write_field_book(
    path: str | os.PathLike[str],
    patches: gpd.GeoDataFrame,
    chips: Sequence[Chip],
    layers: Mapping[str, gpd.GeoDataFrame],
    *,
    lang: str = "zh",
    masking: Masking = _MASKING,
    inputs: Iterable[object] = (),
    overwrite: bool = False,
) -> None:
    """Write patches with their chips as a workbook.

    Texts are never formulas, whatever the data says; codes stay text. Pictures lie in their cells,
    so that filters and sorting take them along.

    Parameters
    ----------
    path : path-like
        Of the XLSX file.
    patches : GeoDataFrame
        Of `ChangeResult.patches` those to visit, in the order of the rows.
    chips : sequence of Chip
        One for each of `patches` (`export.chips.draw_chips`).
    layers : mapping of layer id to GeoDataFrame
        Parcels that are named where they share ground with a patch, the largest part first;
        `admin` gives the village's name.
    lang : {"zh", "en"}
    masking : Masking
        Which personal data are masked; by default all.
    inputs : iterable of path-like
        The scenes and layers, whose names go on top.
    overwrite : bool
        Replace an existing file.

    Raises
    ------
    OutputError
        `path` exists and `overwrite` is false, or it cannot be written.
    """
    k = 0 if lang == "zh" else 1
    rows = _rows(patches, layers, masking, k)
    with staged(path, overwrite=overwrite) as target:
        book = Book(_STYLES)
        widths = [column.width for column in _COLUMNS.values()]
        sheet = book.sheet(("外业核实", "Field work")[k], widths)
        _head(sheet, patches, Provenance.of(inputs, masking), k)
        styles = [column.style for column in _COLUMNS.values()]
        least = (_SHOWN * HEIGHT / WIDTH + 2 * _EDGE) * _POINTS
        for row, chip in zip(rows.itertuples(index=False), chips, strict=True):
            sheet.append(row, styles, least=least)
            _put(sheet, chip)
        book.save(target)


def _head(sheet: Sheet, patches: gpd.GeoDataFrame, provenance: Provenance, k: int) -> None:
    """What it is, and a frozen row of headers."""
    lines = (
        ("疑似变化图斑外业核实表", "Suspected change, to be verified on the ground"),
        (
            "由前后两期影像自动比较得出，只是疑似线索，须实地核实后由主管部门认定。"
            "坐标为 CGCS2000（EPSG:4490）图斑内一点。",
            "Found by comparing two scenes: a suspicion to be verified on the ground, not a "
            "verdict. Coordinates are CGCS2000 (EPSG:4490), of a point in the patch.",
        ),
        (provenance.masking.text("zh"), provenance.masking.text("en")),
        (
            f"{software()}，来源：{'、'.join(provenance.inputs)}",
            f"{software()}, from {', '.join(provenance.inputs)}",
        ),
    )
    heads = [(column.zh, column.en)[k] for column in _COLUMNS.values()]
    for place, name in ((_PICTURES, "QSX"), (_PICTURES + 1, "HSX")):
        heads[place] += "".join(f" {printable(date)}" for date in set(patches[name]))
    last = len(lines) + 1 + len(patches)
    sheet.sheet.freeze_panes = f"B{len(lines) + 2}"  # before the first row is written
    for number, line in enumerate(lines):
        sheet.append([line[k]], ["field plain" if number else "field title"])
    sheet.append(heads, ["field head"] * len(heads))
    letter = chr(ord("A") + len(heads) - 1)
    sheet.sheet.auto_filter.ref = f"A{sheet.count}:{letter}{last}"
    sheet.sheet.print_title_rows = f"{sheet.count}:{sheet.count}"


def _put(sheet: Sheet, chip: Chip) -> None:
    """Lay a chip over the last two cells of the row just written."""
    picture = _Picture(chip)
    height = _SHOWN * HEIGHT / WIDTH
    half = _SHOWN / 2
    start, end = (
        AnchorMarker(
            col=_PICTURES + step,
            colOff=pixels_to_EMU(_EDGE if not step else half - _EDGE),
            row=sheet.count - 1,
            rowOff=pixels_to_EMU(_EDGE + step * height),
        )
        for step in (0, 1)
    )
    picture.anchor = TwoCellAnchor(editAs="twoCell", _from=start, to=end)
    sheet.sheet.add_image(picture)


def _rows(
    patches: gpd.GeoDataFrame, layers: Mapping[str, gpd.GeoDataFrame], masking: Masking, k: int
) -> pd.DataFrame:
    """What the cells say, in the order of the columns."""
    titles = {kind.id: (kind.zh, kind.en)[k] for kind in KINDS}
    kinds = patches["kind"].map(titles).fillna(patches["kind"])
    lon, lat = lon_lat(patches)
    ground = _ground(patches, layers)
    table = pd.DataFrame(
        {
            "number": patches["JCBH"],
            "kind": kinds.where(~patches["seasonal"], kinds + _SEASON[k]),
            "m2": patches["MJ"],
            "mu": patches["MJ_MU"],
            "confidence": patches.get("confidence", pd.Series(float("nan"), patches.index)),
            "village": _villages(patches, layers, ground),
            "parcels": _named(ground, len(patches), masking, k),
            "lon": lon,
            "lat": lat,
            "result": "",
            "before": "",
            "after": "",
        },
        index=patches.index,
    )
    return table[list(_COLUMNS)]


def _villages(
    patches: gpd.GeoDataFrame, layers: Mapping[str, gpd.GeoDataFrame], ground: gpd.GeoDataFrame
) -> list[str]:
    """Name and code of the village; of the town or county where that is all that is known."""
    names: dict[str, str] = {}
    admin = layers.get("admin")
    if admin is not None and {"XZQDM", "XZQMC"} <= set(admin.columns):
        names = dict(zip(as_text(admin["XZQDM"]), as_text(admin["XZQMC"]).fillna(""), strict=True))
    names |= region_names()
    # At the border of a village the codes of its parcels still say whose the ground is.
    fields = ground[ground["layer"] == "farmland"].groupby("patch")["feature"].first()
    codes = patches["XZQDM"].reset_index(drop=True)
    codes = region_code(codes.where(codes != "", fields.reindex(codes.index).fillna("")))
    return [printable(f"{names.get(code, '')} {code}").strip() for code in codes.fillna("")]


def _ground(patches: gpd.GeoDataFrame, layers: Mapping[str, gpd.GeoDataFrame]) -> pd.DataFrame:
    """The parcels on each patch: ``patch, layer, feature``, the largest part first."""
    visited = {name: frame for name, frame in layers.items() if name not in _NOT_VISITED}
    places = gather(visited, patches.crs.to_wkt())
    found = overlaps(patches, places)
    return found.join(places[["layer", "feature"]], on="row")[["patch", "layer", "feature"]]


def _named(ground: pd.DataFrame, count: int, masking: Masking, k: int) -> list[str]:
    """The parcels on each patch, the first so many, a layer after the other."""
    titles = {spec.id: spec.title(("zh", "en")[k]) for spec in load_catalog().values()}
    first = ground.groupby("patch").head(_NAMED)
    first = first.assign(feature=mask_codes(first["feature"], masking).map(printable))
    numbers = ground["patch"].value_counts()
    told = [""] * count
    for patch, rows in first.groupby("patch"):
        lines = [
            "\n".join([titles.get(str(layer), str(layer)), *codes])
            for layer, codes in rows.groupby("layer", sort=False)["feature"]
        ]
        place = int(str(patch))
        if numbers[place] > _NAMED:
            lines.append((f"等 {numbers[place]} 个", f"… {numbers[place]} in all")[k])
        told[place] = "\n".join(lines)
    return told
