"""The house is built as docs/architecture.md says."""

from __future__ import annotations

import configparser
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def setup_cfg() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def test_data_flows_one_way() -> None:
    """import-linter holds the contracts of setup.cfg."""
    program = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run(
        [str(program), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 kept, 0 broken" in done.stdout


def test_every_module_is_in_the_import_contract() -> None:
    """A new room must get its place in the order."""
    contract = setup_cfg()["importlinter:contract:order"]["layers"]
    placed = {name.strip() for line in contract.splitlines() for name in line.split("|")}
    on_disk = {
        f"yuxi_gis.{p.stem}"
        for p in (ROOT / "yuxi_gis").iterdir()
        if (p.suffix == ".py" or (p / "__init__.py").exists()) and p.stem != "__init__"
    }
    assert on_disk == placed - {""}


def test_packages_list_equals_the_disk() -> None:
    listed = set(setup_cfg()["options"]["packages"].split())
    on_disk = {
        ".".join(p.parent.relative_to(ROOT).parts) for p in ROOT.glob("yuxi_gis/**/__init__.py")
    }
    mapped = {f"yuxi_gis.{name}" for name in ("layers", "styles", "sample_data")}
    assert listed == on_disk | mapped


def test_top_level_is_as_ordered() -> None:
    """The card that the project was ordered by is binding."""
    for name in ("yuxi_gis", "layers", "styles", "sample_data", "tests", "docs"):
        assert (ROOT / name).is_dir(), name
    for name in ("cli.py", "setup.cfg"):
        assert (ROOT / name).is_file(), name


def test_card_packages_are_required() -> None:
    required = setup_cfg()["options"]["install_requires"]
    for name in ("geopandas", "shapely", "rasterio", "pyproj", "folium", "rtree", "click"):
        assert f"\n{name} " in required, name


def test_cli_from_a_checkout() -> None:
    done = subprocess.run(
        [sys.executable, "cli.py", "--lang", "en", "layers"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "farmland" in done.stdout
