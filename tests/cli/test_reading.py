"""`info`, `convert` and the batch: what is decided is said, and one bad file stops nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import pyogrio
import pytest
import shapely

from tests.cli.conftest import Ran
from yuxi_gis.read import read_layer

Yuxi = Callable[..., Ran]
CODE = "5304252022010000001"


def parcels(n: int = 3, *, east: float = 500000, crs: int | None = 4543) -> gpd.GeoDataFrame:
    data = {
        "DKBM": [f"{int(CODE) + i}" for i in range(n)],
        "DKMC": ["大田", "秧田", "水田"][:n],
        "SCMJ": [100.0] * n,
    }
    boxes = [shapely.box(east + 20 * i, 2700000, east + 20 * i + 10, 2700010) for i in range(n)]
    return gpd.GeoDataFrame(data, geometry=boxes, crs=crs)


def shapefile(path: Path, frame: gpd.GeoDataFrame, *, prj: bool = True) -> Path:
    """Chinese text in GBK, and no .cpg to say so."""
    frame.to_file(path, encoding="GBK")
    path.with_suffix(".cpg").unlink()
    if not prj:
        path.with_suffix(".prj").unlink(missing_ok=True)
    return path


def told(row: dict[str, object], what: str) -> dict[str, str]:
    (made,) = [made for made in row["decisions"] if made["what"] == what]  # type: ignore[attr-defined]
    return made  # type: ignore[no-any-return]


def test_info_says_what_was_decided_and_why(yuxi: Yuxi, tmp_path: Path) -> None:
    path = shapefile(tmp_path / "DK.shp", parcels())
    ran = yuxi("info", path, "--json")
    assert ran.code == 0
    (row,) = json.loads(ran.out)
    assert (row["layer"], row["rows"], row["crs_from"]) == ("farmland", 3, "file")
    assert told(row, "encoding")["value"] == "GB18030"
    for made in row["decisions"]:
        assert made["zh"] and made["en"] and made["confidence"] in ("certain", "high", "low")
    shown = yuxi("info", path, "--lang", "zh")
    assert "GB18030" in shown.out and "EPSG:4543" in shown.out and "很可能" in shown.out


def test_what_the_user_says_overrules(yuxi: Yuxi, tmp_path: Path) -> None:
    path = shapefile(tmp_path / "DK.shp", parcels())
    (row,) = json.loads(yuxi("info", path, "--json", "--encoding", "Big5").out)
    assert told(row, "encoding")["value"] == "Big5"
    assert told(row, "encoding")["confidence"] == "certain"
    (row,) = json.loads(yuxi("info", path, "--json", "--crs", "EPSG:4522").out)
    assert row["crs_from"] == "file"
    assert "--override-crs" in next(n["zh"] for n in row["notes"] if n["what"] == "crs_unused")
    (row,) = json.loads(yuxi("info", path, "--json", "--crs", "4522", "--override-crs").out)
    assert row["crs_from"] == "given" and "4522" in row["crs"]
    assert yuxi("info", path, "--override-crs").code == 2


def test_missing_crs_is_suggested_and_ends_with_2(yuxi: Yuxi, tmp_path: Path) -> None:
    path = shapefile(tmp_path / "DK.shp", parcels(), prj=False)
    ran = yuxi("info", path, "--json")
    assert ran.code == 2
    (row,) = json.loads(ran.out)
    assert row["crs_from"] == "missing"
    assert "EPSG:4543" in told(row, "crs")["zh"] and "西安 80" in told(row, "crs")["zh"]
    for command in (("check", path), ("convert", path, tmp_path / "o.gpkg")):
        ran = yuxi(*command, "--lang", "zh", "-q")
        assert ran.code == 2 and "EPSG:4543" in ran.err and len(ran.err.splitlines()) == 1
    assert not (tmp_path / "o.gpkg").exists()
    assert yuxi("convert", path, tmp_path / "o.gpkg", "--crs", "EPSG:4543").code == 0


def test_the_mend_of_a_wrong_zone_prefix_is_the_one_told(yuxi: Yuxi, tmp_path: Path) -> None:
    path = shapefile(tmp_path / "DK.shp", parcels(east=34500000))
    (row,) = json.loads(yuxi("info", path, "--json").out)
    (note,) = [note for note in row["notes"] if note["what"] == "zone_prefix"]
    assert note["severity"] == "error"
    mend = ["--crs", "EPSG:4522", "--override-crs"]
    assert " ".join(mend) in note["zh"] and " ".join(mend) in note["en"]
    assert yuxi("convert", path, tmp_path / "o.gpkg", *mend).code == 0
    back = read_layer(tmp_path / "o.gpkg")
    assert back.attrs["notes"] == [] and back.crs.to_epsg() == 4522
    assert back.to_crs(4490).total_bounds == pytest.approx(
        parcels().to_crs(4490).total_bounds, abs=1e-9
    )


def test_what_lies_wrong_is_not_moved_mapped_or_called_clean(yuxi: Yuxi, tmp_path: Path) -> None:
    path = shapefile(tmp_path / "DK.shp", parcels(east=34500000))
    for args in (("convert", path, tmp_path / "o.gpkg", "--to", "4490"), ("check", path)):
        ran = yuxi(*args, "--lang", "zh", "--fail-on", "never") if "check" in args else yuxi(*args)
        # check tells it once, as a finding of S05; the others as the error that stopped them.
        told = ran.out if "check" in args else ran.err
        assert ran.code == 2 and told.count("--crs EPSG:4522 --override-crs") == 1
        assert "没有发现问题" not in ran.out
    ran = yuxi("map", path, "-o", tmp_path / "o.html")
    assert ran.code == 2 and "EPSG:4522" in ran.err
    assert {p.suffix for p in tmp_path.iterdir()} == {".shp", ".shx", ".dbf", ".prj"}


def test_swapped_axes_are_named_and_exchanged(yuxi: Yuxi, tmp_path: Path) -> None:
    frame = parcels()
    frame["geometry"] = shapely.transform(frame.geometry.to_numpy(), lambda xy: xy[:, ::-1])
    path = shapefile(tmp_path / "DK.shp", frame)
    (row,) = json.loads(yuxi("info", path, "--json").out)
    assert any("--swap-axes" in note["zh"] for note in row["notes"])
    assert yuxi("convert", path, tmp_path / "o.gpkg", "--swap-axes").code == 0
    assert read_layer(tmp_path / "o.gpkg").total_bounds.tolist() == [
        500000,
        2700000,
        500050,
        2700010,
    ]


def test_an_old_datum_is_not_moved_by_a_guess(yuxi: Yuxi, tmp_path: Path) -> None:
    path = shapefile(tmp_path / "DK.shp", parcels(crs=2379))
    out = tmp_path / "o.gpkg"
    ran = yuxi("convert", path, out, "--to", "EPSG:4543", "--lang", "zh", "-q")
    assert ran.code == 2 and not out.exists()
    assert all(way in ran.err for way in ("--helmert", "--control-points", "--allow-ballpark"))
    assert yuxi("convert", path, out, "--to", "4543", "--helmert", "10,20,30,0,0,0,0").code == 0
    assert read_layer(out).crs.to_epsg() == 4543
    assert yuxi("convert", path, out, "--overwrite").code == 0  # as it is
    assert read_layer(out).crs.to_epsg() == 2379
    both = ("--allow-ballpark", "--helmert", "1,2,3,0,0,0,0")
    assert yuxi("convert", path, out, "--to", "4543", *both).code == 2


@pytest.fixture
def county(tmp_path: Path) -> Path:
    """A delivery with one good layer, one damaged one, a drawing and a text."""
    folder = tmp_path / "县"
    (folder / "矢量数据").mkdir(parents=True)
    shapefile(folder / "矢量数据" / "DK.shp", parcels())
    shapefile(folder / "矢量数据" / "ZJD.shp", parcels())
    with (folder / "矢量数据" / "ZJD.shp").open("r+b") as file:
        file.truncate(150)
    (folder / "图.dwg").write_bytes(b"AC1027")
    (folder / "说明.txt").write_text("说明", "utf-8")
    return folder


@pytest.mark.parametrize("zipped", [False, True])
def test_a_batch_goes_on_past_a_bad_file(
    yuxi: Yuxi, tmp_path: Path, county: Path, zipped: bool
) -> None:
    source = county
    if zipped:
        source = Path(shutil.make_archive(str(tmp_path / "county"), "zip", county))
    ran = yuxi("info", source, "--json", "--lang", "en")
    assert ran.code == 2
    rows = json.loads(ran.out)
    assert rows[0]["layer"] == "farmland"
    assert "ZJD.shp" in rows[1]["error"]["en"] and str(source) in rows[1]["error"]["en"]
    assert "图.dwg" in rows[2]["ignored"]["name"] and len(rows) == 3
    assert "图.dwg" in ran.err and "DXF" in ran.err
    ran = yuxi("convert", source, tmp_path / "o.gpkg", "--lang", "en")
    assert ran.code == 2 and "ZJD.shp" in ran.err
    assert "DK" in [str(name) for name, _ in pyogrio.list_layers(tmp_path / "o.gpkg")]
    ran = yuxi("check", source, "-o", tmp_path / "o.csv", "--lang", "en")
    assert ran.code == 2 and "ZJD.shp" in ran.err and "checked farmland" in ran.out
    (failure,) = json.loads(yuxi("check", source, "--json").out)["failures"]
    assert "ZJD.shp" in failure["en"]
    assert (tmp_path / "o.csv").exists()
    assert yuxi("map", source, "-o", tmp_path / "o.html").code == 2  # a map is whole or none
    assert not (tmp_path / "o.html").exists()


def test_nothing_readable_at_all(yuxi: Yuxi, tmp_path: Path) -> None:
    for name in ("a.gpkg", "b.gpkg"):
        (tmp_path / name).write_bytes(b"rubbish" * 100)
    for command in (("info",), ("check",), ("convert",)):
        out = [tmp_path / "o.gpkg"] if command == ("convert",) else []
        ran = yuxi(*command, tmp_path / "a.gpkg", tmp_path / "b.gpkg", *out, "-q", "--lang", "en")
        assert ran.code == 2 and "a.gpkg" in ran.err and "b.gpkg" in ran.err
    assert not (tmp_path / "o.gpkg").exists()


def test_convert_to_a_shapefile_loses_no_character(yuxi: Yuxi, tmp_path: Path) -> None:
    frame = parcels()
    frame.loc[1, "DKMC"] = "㙍田"
    frame.to_file(tmp_path / "DK.gpkg", layer="DK")
    out = tmp_path / "out.shp"
    ran = yuxi("convert", tmp_path / "DK.gpkg", out, "--write-encoding", "GBK", "--lang", "zh")
    assert ran.code == 2 and "㙍" in ran.err and "DKMC" in ran.err
    assert not list(tmp_path.glob("out.*"))
    for encoding in ("GB18030", "UTF-8"):
        args = ("--write-encoding", encoding, "--overwrite")
        assert yuxi("convert", tmp_path / "DK.gpkg", out, *args).code == 0
        assert read_layer(f"farmland={out}")["DKMC"].tolist() == frame["DKMC"].tolist()


def test_wrong_usage_of_convert(yuxi: Yuxi, tmp_path: Path) -> None:
    path = shapefile(tmp_path / "DK.shp", parcels())
    for args in ((path,), (path, tmp_path / "o.doc"), (path, path)):
        assert yuxi("convert", *args, "--overwrite").code == 2
    assert read_layer(path).shape[0] == 3
