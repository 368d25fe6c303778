"""The table of sensors: what it holds, names that it knows, mistakes in it."""

from __future__ import annotations

import pytest

from yuxi_gis.errors import CatalogError
from yuxi_gis.read.quality import SCHEMES
from yuxi_gis.read.sensors import find_sensor, load_sensors, sensors

FOUR = ("blue", "green", "red", "nir")


@pytest.mark.parametrize("sensor", sensors().values(), ids=lambda s: s.id)
def test_each_sensor_is_plausible(sensor):
    passes = {
        "coastal": (0.4, 0.45), "blue": (0.45, 0.52), "green": (0.52, 0.61),
        "red": (0.61, 0.70), "rededge": (0.69, 0.77), "nir": (0.76, 0.91),
        "swir1": (1.5, 1.8), "swir2": (2.0, 2.4),
    }  # fmt: skip
    for band in sensor.bands:
        low, high = passes.get(band.role, (0.4, 2.5))
        assert low <= band.wavelength <= high, band
    assert sensor.source
    assert {sensor.quality, sensor.saturation} <= {None, *SCHEMES}


@pytest.mark.parametrize(
    ("name", "sensor"),
    [
        ("GF1_PMS1_E102.5_N24.4_20200304_L1A0004660000-MSS1.tiff", "gf1-pms"),
        ("GF1B_PMS_E102.3_N24.1_20210215_L1A1227953001-MUX.tiff", "gf1-pms"),
        ("gf1_wfv4_e103.1_n24.8_20190211_l1a0003818001.tif", "gf1-wfv"),
        ("GF2_PMS2_E102.6_N24.3_20210121_L1A0005420001-MSS2.tiff", "gf2-pms"),
        ("GF2_PMS2_E102.6_N24.3_20210121_L1A0005420001-MSS2_ortho.tif", "gf2-pms"),
        ("GF6_PMS_E102.5_N24.3_20200101_L1A1119950001-MUX.tiff", "gf6-pms"),
        ("GF6_WFV_E102.1_N24.0_20200101_L1A1119950002-2.tiff", "gf6-wfv"),
        ("ZY3_MUX_E102.6_N24.4_20180304_L1A0000012345.tiff", "zy3-mux"),
        ("ZY302_MUX_E102.6_N24.4_20180304_L1A0000012345.tiff", "zy3-mux"),
        ("zy302a_mux_016497_003126_20190520112310_01_sec_0001_1905228482.tif", "zy3-mux"),
        ("ZY1E_VNIC_E102.5_N24.4_20210101_L1A0000123456-MUX.tiff", "zy1-02d-vnic"),
        ("ZY02C_PMS_E102.5_N24.4_20130101_L1C0001234567-MUX.tif", "zy1-02c-pms"),
        ("village_GF2_PMS2.tif", None),
        ("LC08_L2SP_129043_20240305_20240312_02_T1_SR_B4.TIF", None),
    ],
)
def test_names_of_files(name, sensor):
    found = find_sensor(name, "one")
    assert (found.id if found else None) == sensor


def test_order_of_bands():
    assert sensors()["gf2-pms"].roles == FOUR
    assert sensors()["gf6-wfv"].roles[:4] == FOUR
    assert sensors()["zy1-02c-pms"].roles == ("green", "red", "nir")


GOOD = """[x]
title = "X"
files = "one"
patterns = ['X_']
bands = [["B1", "red", 0.66]]
source = "test"
"""


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('title = "X"', "", "x.title"),
        ('"one"', '"some"', "x.files"),
        ("'X_'", "'X_('", "x.patterns"),
        ('"red"', '"purple"', "x.bands"),
        ('[["B1", "red", 0.66]]', '[["B1", "red"]]', "x.bands"),
        ('[["B1", "red", 0.66]]', '[["B1", "red", 0.6], ["B2", "red", 0.7]]', "x.bands"),
        ("[x]", "[x]\nquality = 'NONE'", "x.quality"),
        ("[x]", "[x]\ncolour = 3", "x.colour"),
        ("[x]", "[x", "-"),
    ],
)
def test_mistakes_name_the_key(tmp_path, old, new, key):
    path = tmp_path / "sensors.toml"
    path.write_text(GOOD)
    assert load_sensors(path)["x"].roles == ("red",)
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(CatalogError, match=rf"key {key}"):
        load_sensors(path)
