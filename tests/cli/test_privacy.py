"""Every command masks personal data unless told otherwise, and says which way it was."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import openpyxl
import pyogrio
import pytest
import shapely

from tests.cli.conftest import Ran
from tests.cli.test_bad_input import scene
from tests.export.webmap.unpacked import everything_in
from tests.test_codes import ID
from yuxi_gis.catalog import load_catalog

Yuxi = Callable[..., Ran]
PHONE, NAME = "13887654321", "张三丰"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Parcels with an identity number in every text field, the parcel's code too, and a name."""
    texts = [f.name for f in load_catalog()["farmland"].fields if f.type in ("Char", "Varchar")]
    columns = {name: [ID, f"电话{PHONE}，{ID}", "x"] for name in [*texts, "extra"]}
    columns |= {"DKBM": [ID, f" {ID}", "5304252022010000001"], "ZJRXM": [NAME] * 3}
    boxes = [shapely.box(500000 + 90 * i, 2600100, 500099 + 90 * i, 2600200) for i in range(3)]
    path = tmp_path_factory.mktemp("privacy") / "secret folder" / "DK.gpkg"
    path.parent.mkdir()
    frame = gpd.GeoDataFrame(columns, geometry=boxes, crs=4543)
    pyogrio.write_dataframe(frame, path, layer="DK", driver="GPKG")
    return path


def content(path: Path) -> bytes:
    if path.suffix != ".xlsx":
        return path.read_bytes()
    with zipfile.ZipFile(path) as book:
        return b"".join(book.read(name) for name in book.namelist())


def holds(data: bytes | str) -> dict[str, bool]:
    data = data.encode() if isinstance(data, str) else data
    return {"id": ID.encode() in data, "phone": PHONE.encode() in data}


NONE = {"id": False, "phone": False}


@pytest.mark.parametrize("options", [[], ["--keep-names"]])
def test_check_masks(yuxi: Yuxi, source: Path, tmp_path: Path, options: list[str]) -> None:
    paths = [tmp_path / f"f{ending}" for ending in (".xlsx", ".csv", ".json", ".gpkg")]
    outputs = [arg for path in paths for arg in ("-o", path)]
    for args in ([*outputs, "--json"], [*outputs, "--overwrite"]):
        ran = yuxi("check", source, *args, *options, "--lang", "zh")
        assert ran.code == 1, ran.err
        assert "530425***" in ran.out, "a finding calls the parcel by its code"
        assert holds(ran.out) == holds(ran.err) == NONE
        assert "已遮盖" in ran.err
        for path in paths:
            assert holds(content(path)) == NONE, path
            assert b"secret folder" not in content(path)


def test_check_unmasked_says_so(yuxi: Yuxi, source: Path, tmp_path: Path) -> None:
    paths = [tmp_path / f"f{ending}" for ending in (".xlsx", ".csv", ".json", ".gpkg")]
    outputs = [arg for path in paths for arg in ("-o", path)]
    ran = yuxi("check", source, *outputs, "--unmask", "--lang", "zh")
    assert holds(ran.out)["id"] and "请勿外传" in ran.err
    for path in paths:
        assert holds(content(path))["id"], path
    book = openpyxl.load_workbook(paths[0])
    rows = {row[0]: row[1] for row in book["概况"].iter_rows(values_only=True)}
    assert "请勿外传" in rows["个人信息"] and rows["输入文件"] == "DK.gpkg"
    said = json.loads(paths[2].read_text(encoding="utf-8"))["provenance"]
    assert said["masking"] == "none" and said["inputs"] == ["DK.gpkg"]
    metadata = pyogrio.read_info(paths[3], layer="findings")["dataset_metadata"]
    assert metadata["YUXI_GIS_MASKING"] == "none" and metadata["YUXI_GIS_INPUTS"] == "DK.gpkg"


def test_map(yuxi: Yuxi, source: Path, tmp_path: Path) -> None:
    def page(*options: str) -> bytes:
        ran = yuxi("map", source, "-o", tmp_path / "m.html", "--overwrite", *options)
        assert ran.code == 0, ran.err
        return everything_in((tmp_path / "m.html").read_text(encoding="utf-8"))

    masked = page()
    assert holds(masked) == NONE and NAME.encode() not in masked
    assert b'name="yuxi-gis-masking" content="ids phones names"' in masked
    named = page("--keep-names")
    assert holds(named) == NONE and NAME.encode() in named
    assert b'name="yuxi-gis-masking" content="ids phones"' in named
    shown = page("--unmask")
    assert holds(shown) == {"id": True, "phone": True} and NAME.encode() in shown
    assert "请勿外传".encode() in shown or b"do not pass on" in shown


def test_change(yuxi: Yuxi, source: Path, tmp_path: Path) -> None:
    a, b = scene(tmp_path / "a.tif"), scene(tmp_path / "b.tif", seed=1)
    for options, hidden in (([], True), (["--unmask"], False)):
        out = tmp_path / f"out{len(options)}"
        ran = yuxi("change", a, b, "--parcels", source, "-o", out, *options)
        assert ran.code == 0, ran.err
        assert ID not in ran.out
        data = {path.name: path.read_bytes() for path in out.iterdir()}
        assert (ID.encode() not in data["parcels.gpkg"]) == hidden
        assert NAME.encode() not in b"".join(data.values())
        for path in out.glob("*.gpkg"):
            layer = pyogrio.list_layers(path)[0][0]
            metadata = pyogrio.read_info(path, layer=layer)["dataset_metadata"]
            assert metadata["MASKING"] == ("ids phones names" if hidden else "none")
            assert metadata["BEFORE"] == "a.tif"


@pytest.mark.parametrize("ending", [".gpkg", ".shp"])
def test_what_a_clerk_adds(yuxi: Yuxi, tmp_path: Path, ending: str) -> None:
    """Names of other tables, a mistyped identity number, a landline and an account."""
    typo = ID[:-1] + ("1" if ID[-1] != "1" else "2")
    secret = {"CBFMC": NAME, "承包方": "李四光", "账号": "6217001234567890123"}
    secret |= {"备注": f"{typo}，0877-2061234"}
    box = shapely.box(500000, 2600100, 500099, 2600200)
    columns = {"DKBM": ["5304252022010000001"]} | {name: [text] for name, text in secret.items()}
    frame = gpd.GeoDataFrame(columns, geometry=[box], crs=4543)
    source = tmp_path / "DK.gpkg"
    pyogrio.write_dataframe(frame, source, layer="DK", driver="GPKG")
    for options, hidden in (([], True), (["--unmask"], False)):
        folder = tmp_path / f"out{len(options)}"
        ran = yuxi("convert", source, folder / f"DK{ending}", *options)
        assert ran.code == 0, ran.err
        data = b"".join(path.read_bytes() for path in folder.rglob("*.*"))
        for text in (*list(secret.values())[:-1], typo, "0877-2061234"):
            assert (text.encode() not in data) == hidden, text
        assert b"5304252022010000001" in data


@pytest.mark.parametrize("command", ["demo", "check", "change", "map", "convert"])
def test_every_command_that_writes_has_the_options(yuxi: Yuxi, command: str) -> None:
    help_ = yuxi(command, "--help", "--lang", "en").out
    assert "--keep-names" in help_ and "--unmask" in help_
