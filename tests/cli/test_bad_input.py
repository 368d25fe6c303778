"""Bad input: one clear line, exit 2, no output, no change to the source, never a traceback."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin

from tests.cli.conftest import Ran

Yuxi = Callable[..., Ran]


def layer(path: Path, *, crs: int | None = 4543) -> Path:
    frame = gpd.GeoDataFrame(
        {"DKBM": ["5304252022010000001"]},
        geometry=[shapely.box(500000, 2600000, 500100, 2600100)],
        crs=crs,
    )
    pyogrio.write_dataframe(frame, path, layer="DK", driver="GPKG")
    return path


def scene(
    path: Path, *, bands: int = 4, east: float = 500000, fill: int | None = None, seed: int = 0
) -> Path:
    """A small scene of noise, or of one value; 0 is nodata."""
    data = np.random.default_rng(seed).integers(500, 3000, (bands, 60, 60)).astype("uint16")
    if fill is not None:
        data[:] = fill
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=60,
        height=60,
        count=bands,
        dtype="uint16",
        crs="EPSG:4543",
        transform=from_origin(east, 2600600, 10, 10),
        nodata=0,
    ) as dataset:
        dataset.write(data)
    return path


def fingerprint(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def refused(yuxi: Yuxi, folder: Path, *args: object, zh: str, en: str) -> None:
    """The command refuses in both languages, and the folder stays as it was."""
    before = fingerprint(folder)
    for lang, says in (("zh", zh), ("en", en)):
        ran = yuxi(*args, "--lang", lang, "-q")
        assert ran.code == 2, ran
        assert ran.out == ""
        assert says in ran.err, ran.err
        assert len(ran.err.strip().splitlines()) == 1, ran.err
        assert "Traceback" not in ran.err
        assert fingerprint(folder) == before


def test_missing_file(yuxi: Yuxi, tmp_path: Path) -> None:
    for command in ("check", "info"):
        refused(yuxi, tmp_path, command, tmp_path / "no.shp", zh="找不到", en="no such file")


def test_empty_file(yuxi: Yuxi, tmp_path: Path) -> None:
    (tmp_path / "DK.gpkg").touch()
    refused(yuxi, tmp_path, "check", tmp_path / "DK.gpkg", zh="文件是空的", en="is empty")


def test_corrupt_shapefile(yuxi: Yuxi, tmp_path: Path, shared_data: Path) -> None:
    for part in (shared_data / "geometry").glob("corrupt*"):
        shutil.copyfile(part, tmp_path / part.name)
    source = f"farmland={tmp_path / 'corrupt_too_long.shp'}"
    refused(
        yuxi, tmp_path, "check", source, "-o", tmp_path / "o.xlsx", zh="已损坏", en="is damaged"
    )


def test_layer_without_crs(yuxi: Yuxi, tmp_path: Path) -> None:
    path = layer(tmp_path / "DK.gpkg", crs=None)
    output = tmp_path / "o.gpkg"
    refused(yuxi, tmp_path, "check", path, "-o", output, zh="没有坐标系", en="has no CRS")
    refused(yuxi, tmp_path, "check", path, "--crs", "EPSG:1", zh="EPSG:4543", en="is not known")
    assert yuxi("check", path, "--crs", "EPSG:4543", "-q", "--fail-on", "never").code == 0


def test_table_without_geometry(yuxi: Yuxi, tmp_path: Path) -> None:
    """A map needs shapes; a ledger can be checked."""
    frame = gpd.pd.DataFrame({"DKBM": ["5304252022010000001"]})
    pyogrio.write_dataframe(frame, tmp_path / "t.gpkg", layer="DK")
    source = f"farmland={tmp_path / 't.gpkg'}"
    out = tmp_path / "o.html"
    refused(yuxi, tmp_path, "map", source, "-o", out, zh="没有图形", en="without geometry")
    assert yuxi("check", source, "-q", "--fail-on", "never").code == 0


def test_scenes_that_do_not_overlap(yuxi: Yuxi, tmp_path: Path) -> None:
    a, b = scene(tmp_path / "a.tif"), scene(tmp_path / "b.tif", east=900000)
    refused(yuxi, tmp_path, "change", a, b, "-o", tmp_path / "out", zh="重叠", en="overlap")


@pytest.mark.parametrize("which", [0, 1])
def test_scene_all_nodata(yuxi: Yuxi, tmp_path: Path, which: int) -> None:
    a, b = (scene(tmp_path / f"{i}.tif", fill=0 if i == which else None, seed=i) for i in range(2))
    refused(yuxi, tmp_path, "change", a, b, "-o", tmp_path / "out", zh=f"{which}.tif", en="nodata")


def test_scenes_with_different_band_counts(yuxi: Yuxi, tmp_path: Path) -> None:
    a, b = scene(tmp_path / "a.tif"), scene(tmp_path / "b.tif", bands=3)
    refused(yuxi, tmp_path, "change", a, b, "-o", tmp_path / "out", zh="波段", en="band")


def test_scene_missing_or_no_raster(yuxi: Yuxi, tmp_path: Path) -> None:
    a = scene(tmp_path / "a.tif")
    (tmp_path / "b.tif").write_bytes(b"no raster" * 100)
    out = tmp_path / "out"
    refused(yuxi, tmp_path, "change", a, tmp_path / "no.tif", "-o", out, zh="no.tif", en="no.tif")
    refused(yuxi, tmp_path, "change", a, tmp_path / "b.tif", "-o", out, zh="b.tif", en="b.tif")


def test_existing_output_is_refused_without_overwrite(yuxi: Yuxi, tmp_path: Path) -> None:
    source = layer(tmp_path / "DK.gpkg")
    a, b = scene(tmp_path / "a.tif"), scene(tmp_path / "b.tif", seed=1)
    for name in ("o.xlsx", "o.csv", "o.json", "o.gpkg", "o.html"):
        (tmp_path / name).write_text("earlier")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("earlier")
    zh, en = "已存在", "exists already"
    for name in ("o.xlsx", "o.csv", "o.json", "o.gpkg"):
        refused(yuxi, tmp_path, "check", source, "-o", tmp_path / name, zh=zh, en=en)
    refused(yuxi, tmp_path, "map", source, "-o", tmp_path / "o.html", zh=zh, en=en)
    refused(yuxi, tmp_path, "change", a, b, "-o", tmp_path / "out", zh=zh, en=en)
    refused(yuxi, tmp_path, "demo", tmp_path / "out", zh=zh, en=en)


def test_output_folder_that_cannot_be_written(yuxi: Yuxi, tmp_path: Path) -> None:
    """A file stands where a folder must be (root may write everywhere else)."""
    source = layer(tmp_path / "DK.gpkg")
    a, b = scene(tmp_path / "a.tif"), scene(tmp_path / "b.tif", seed=1)
    (tmp_path / "file").touch()
    blocked = tmp_path / "file"
    zh, en = "无法写入", "cannot be written"
    refused(yuxi, tmp_path, "check", source, "-o", blocked / "o.xlsx", zh=zh, en=en)
    refused(yuxi, tmp_path, "map", source, "-o", blocked / "o.html", zh=zh, en=en)
    refused(yuxi, tmp_path, "change", a, b, "-o", blocked / "out", zh=zh, en=en)
    refused(yuxi, tmp_path, "demo", blocked / "out", zh=zh, en=en)


def test_wrong_usage(yuxi: Yuxi, tmp_path: Path) -> None:
    refused(yuxi, tmp_path, "chek", zh="没有命令", en="No such command")
    refused(yuxi, tmp_path, "check", zh="缺少参数", en="Missing argument")
    refused(yuxi, tmp_path, "check", "x", "--nope", zh="没有选项 --nope", en="--nope")
    refused(yuxi, tmp_path, "layers", "nope", zh="没有 ID 为", en="There is no layer")
    refused(yuxi, tmp_path, "rules", "Z99", zh="没有规则", en="There is no rule")
    source = layer(tmp_path / "DK.gpkg")
    refused(
        yuxi, tmp_path, "check", source, "-o", tmp_path / "o.doc", zh="输出格式", en="output format"
    )


def test_an_output_never_replaces_an_input(yuxi: Yuxi, tmp_path: Path) -> None:
    """Not even with --overwrite, and not through a link."""
    source = layer(tmp_path / "DK.gpkg")
    (tmp_path / "link.gpkg").symlink_to(source)
    zh, en = "与输入文件", "is also an input"
    for out in (source, tmp_path / "link.gpkg"):
        refused(yuxi, tmp_path, "check", source, "-o", out, "--overwrite", zh=zh, en=en)
    twice = ("-o", tmp_path / "f.csv", "-o", tmp_path / "f.csv")
    refused(yuxi, tmp_path, "check", source, *twice, zh=zh, en=en)
    folder = tmp_path / "d"
    folder.mkdir()
    a, b = scene(folder / "a.tif"), scene(folder / "change.tif", seed=1)
    args = ("-o", folder, "--overwrite")
    refused(yuxi, tmp_path, "change", a, b, *args, zh=zh, en=en)
    parcels = layer(folder / "parcels.gpkg")
    c = scene(folder / "b.tif", seed=1)
    refused(yuxi, tmp_path, "change", a, c, "--parcels", parcels, *args, zh=zh, en=en)


def test_all_outputs_or_none(yuxi: Yuxi, tmp_path: Path) -> None:
    source = layer(tmp_path / "DK.gpkg")
    (tmp_path / "file").touch()
    args = ("-o", tmp_path / "f.csv", "-o", tmp_path / "file" / "g.csv")
    refused(yuxi, tmp_path, "check", source, *args, zh="无法写入", en="cannot be written")


def test_a_value_that_is_no_choice(yuxi: Yuxi, tmp_path: Path) -> None:
    refused(yuxi, tmp_path, "check", "x", "--fail-on", "nope", zh="可以是 error", en="'nope'")
