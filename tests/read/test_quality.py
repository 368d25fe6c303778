"""Quality schemes: what each code and bit hides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuxi_gis.read.quality import SCHEMES, Quality, hidden, scheme_of


@pytest.mark.parametrize(
    ("scheme", "codes"),
    [("SCL", {0, 1, 3, 8, 9, 10, 11}), ("SCL_04", {0, 1, 2, 3, 8, 9, 10, 11})],
)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32"])
def test_scene_classification(scheme, codes, dtype):
    values = np.arange(12, dtype=dtype)
    assert set(np.flatnonzero(hidden(values, scheme))) == codes
    assert set(np.flatnonzero(hidden(values, scheme, fill=False))) == codes - {0}


# Values of the USGS tables (Landsat 8-9 Pixel Quality Assessment).
QA = {
    1: ("fill", True),
    21_824: ("clear", False),
    21_952: ("water", False),
    22_080: ("mid conf cloud", False),
    22_144: ("mid conf cloud over water", False),
    21_826: ("dilated cloud over land", True),
    22_280: ("high conf cloud", True),
    23_888: ("high conf cloud shadow", True),
    30_048: ("high conf snow", True),
    54_596: ("high conf cirrus", True),
}


@pytest.mark.parametrize("value", QA)
@pytest.mark.parametrize("dtype", ["uint16", "int32", "float64"])
def test_landsat_pixel_quality(value, dtype):
    found = hidden(np.array([[value]], dtype=dtype), "QA_PIXEL")
    assert (found.shape, bool(found[0, 0])) == ((1, 1), QA[value][1])
    assert hidden([value], "QA_PIXEL", fill=False)[0] == (QA[value][1] and value != 1)


@pytest.mark.parametrize(
    ("scheme", "bits"),
    [("QA_RADSAT_TM", {0, 1, 2, 3, 4, 6, 9}), ("QA_RADSAT_OLI", {1, 2, 3, 4, 5, 6, 11})],
)
def test_saturation(scheme, bits):
    found = hidden(1 << np.arange(12).astype("uint16"), scheme)
    assert set(np.flatnonzero(found)) == bits
    assert not hidden(np.zeros(1, "uint8"), scheme).any()


@given(st.lists(st.integers(0, 65_535), min_size=1), st.sampled_from(sorted(SCHEMES)))
def test_fill_only_adds_to_what_is_hidden(values, scheme):
    numbers = np.array(values, dtype="uint16")
    found, seen = hidden(numbers, scheme), hidden(numbers, scheme, fill=False)
    assert (found | ~seen).all()
    assert set(numbers[found & ~seen]) <= {SCHEMES[scheme].fill}


def test_no_number_is_no_data():
    assert hidden(np.array([np.nan], "float32"), "SCL")[0]
    assert hidden(np.array([np.nan], "float32"), "QA_PIXEL")[0]


@pytest.mark.parametrize(
    ("name", "scheme"),
    [
        ("SCL", "SCL"),
        ("scl", "SCL"),
        ("QA_PIXEL", "QA_PIXEL"),
        ("cloud mask", "MASK"),
        ("云掩膜", "MASK"),
        ("mask", None),  # 1 may mean either
        ("muscle", None),
    ],
)
def test_scheme_of_a_band_name(name, scheme):
    assert scheme_of(name) == scheme


def test_layers_of_a_scene():
    radsat = Quality("b", 1, "QA_RADSAT_OLI")
    both = Quality("a", 1, "QA_PIXEL", radsat)
    assert [layer.path for layer in both.layers] == ["a", "b"]
