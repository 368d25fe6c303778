"""Rules on the structure of a layer: its name and the kind of its shapes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

import geopandas as gpd
import numpy as np
import shapely

from yuxi_gis import findings
from yuxi_gis.checks.registry import NotRun, rule
from yuxi_gis.checks.rules.reading import not_read, told
from yuxi_gis.checks.subject import Subject
from yuxi_gis.specs import folded

__all__ = ["geometry_kind", "layer_named"]

#: Formats of deliveries, whose layers have official names.
_DELIVERED = (".shp", ".gdb", ".mdb", ".accdb", ".vct")
#: Geometry of the catalogue → shapely's type ids.
_KINDS = {"Point": (0, 4), "LineString": (1, 2, 5), "Polygon": (3, 6)}
_NAMES = {
    "Point": ("点", "points"),
    "LineString": ("线", "lines"),
    "Polygon": ("面", "polygons"),
    "": ("图形集合", "a collection"),
}
#: Notes that collections were taken apart.
_COLLECTIONS = ("collection_reduced", "collection_unpacked")


@rule("S08", "warning", "图层命名", "Layer name", confidence="K", on="records")
def layer_named(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：shapefile、File GDB、Access、VCT 中的图层（表）名称不以标准规定的图层名开头（不分大小
    写）。GeoPackage、Excel 等中间文件不查。

    为什么：成果检查和汇交软件按名称找图层，名称不对就当作缺少这个图层。

    怎样改：改成标准名称（见 yuxi-gis layers），后面可以接县代码和年份，例如 DK5304022016；shapefile
    的 .shp、.shx、.dbf、.prj、.cpg 要一起改名。

    例：承包地块图层名为“地块最终版.shp”，应为 DK5304022016.shp。

    依据：各图层标准的图层名；汇交成果的命名习惯未核实，所以最多是警告。

    What it finds: layers (tables) in a shapefile, File Geodatabase, Access database or VCT file
    whose name does not begin with the one that the standard gives the layer, in any case of
    letters. GeoPackages, workbooks and other files in between are not judged.

    Why it matters: inspection software finds layers by their names; one of another name counts as
    missing.

    How to mend it: give it the official name (see yuxi-gis layers), the code of the county and the
    year may follow, as in DK5304022016; rename .shp, .shx, .dbf, .prj and .cpg together.

    Example: a layer of contracted parcels is called final.shp; it should be DK5304022016.shp.

    Source: the layer names of the standards; how deliveries are named was not verified, hence at
    most a warning.
    """
    attrs = subject.frame.attrs
    if "table" not in attrs:
        yield not_read()
        return
    official = subject.spec.name
    wrong = [
        findings.printable(part["table"])
        for part in attrs.get("parts", [attrs])
        if PurePath(str(part["name"]).rpartition("|")[0]).suffix.lower() in _DELIVERED
        and not folded(part["table"]).startswith(folded(official))
    ]
    yield subject.whole(
        wrong,
        words={"official": official, "zh": subject.spec.title_zh, "id": subject.spec.id},
        zh="图层“{zh}”名为 {name}，应以 {official} 开头。",
        en="Layer {id} is called {name}; its name should begin with {official}.",
    )


@rule("S13", "error", "几何类型", "Geometry type", confidence="V", on="shapes")
def geometry_kind(subject: Subject) -> Iterator[gpd.GeoDataFrame]:
    """
    查什么：图形的类型与图层不符：面图层里有点、线或图形集合，界址线图层里有面，等等；以及读入时拆开的
    图形集合。多部件面、多部件线属于同一类型（多部件归 T13），空图形归 T02。

    为什么：点和线没有面积，面的检查不会看它们，地块等于没有图形；图形集合在多数软件中不能编辑。

    怎样改：在标出的位置核对：遗留的辅助点线删去；该是面的，闭合后重画；图形集合拆成面后另存。

    例：地块图层里混入了一条没有闭合的界线。

    依据：图层目录所引标准规定的图层几何类型。

    What it finds: shapes of another kind than the layer's: points, lines or collections among
    parcels, polygons among boundary lines and so on; and collections that reading took apart.
    Multi-part shapes are of the same kind (they are T13's), missing ones are T02's.

    Why it matters: points and lines have no area, and the rules on parcels do not see them: such a
    parcel has no outline at all. Most programs cannot edit a collection.

    How to mend it: look at the marked place. Delete points and lines that were left over; close and
    redraw what should be a parcel; take collections apart and save their polygons.

    Example: an open boundary line lies among the parcels.

    Source: the geometry that the standards give the layers.
    """
    yield from told(subject, _COLLECTIONS, {"info": "warning"})
    if subject.spec.is_table:
        return
    kinds = subject.kinds
    wrong = (kinds >= 0) & ~np.isin(kinds, _KINDS[subject.spec.geometry])
    if not wrong.any():
        return
    want = _NAMES[subject.spec.geometry]
    names = {kind: name for name, ids in _KINDS.items() for kind in ids}
    have = [_NAMES[names.get(int(kind), "")] for kind in kinds[wrong]]
    yield findings.make(
        subject.feature[wrong],
        shapely.point_on_surface(shapely.force_2d(subject.drawn(wrong))),
        subject.crs,
        words={
            "have_zh": np.array([zh for zh, _ in have], dtype=object),
            "have_en": np.array([en for _, en in have], dtype=object),
            "want_zh": want[0],
            "want_en": want[1],
        },
        zh="{feature} 的图形是{have_zh}，这个图层应为{want_zh}。",
        en="{feature}: the shape is {have_en}; the layer has {want_en}.",
    )
