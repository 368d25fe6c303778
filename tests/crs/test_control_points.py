from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS

from yuxi_gis.crs.control_points import ControlPoints, Similarity
from yuxi_gis.crs.datum import Helmert, to_cgcs2000, to_crs
from yuxi_gis.errors import CRSError, ParameterError

HELMERT = Helmert.parse("120.5,-61.25,33.125,1.5,-2.25,3.125,4.5")
OLD = np.array(
    [(540_000, 2_690_000), (552_000, 2_691_000), (549_000, 2_702_000), (541_000, 2_700_500),
     (545_500, 2_695_000), (550_500, 2_696_500), (543_000, 2_697_500), (547_500, 2_692_500)],
    dtype=float,
)  # fmt: skip
PREFIX = np.array([34e6, 0])


def new_of(old: np.ndarray) -> np.ndarray:
    """The true places, by seven known parameters."""
    series = gpd.GeoSeries(shapely.points(old), crs=2379)
    return shapely.get_coordinates(to_crs(series, 4543, shift=HELMERT).array)


NEW = new_of(OLD)


def write(
    path: Path,
    old: np.ndarray = OLD,
    new: np.ndarray = NEW,
    *,
    header: str = "id,x_old,y_old,x_new,y_new",
    order: tuple[int, ...] = (0, 1, 2, 3),
    encoding: str = "utf-8",
) -> Path:
    comma = "," if "," in header else header[2]
    rows = [
        comma.join([f"K{k}", *(f"{value:.4f}" for value in np.array(row)[list(order)])])
        for k, row in enumerate(np.hstack([old, new]))
    ]
    path.write_text("\n".join([header, *rows]) + "\n", encoding=encoding)
    return path


def layer(crs: int = 2379) -> gpd.GeoDataFrame:
    shapes = shapely.box(OLD[:, 0], OLD[:, 1], OLD[:, 0] + 30, OLD[:, 1] + 20)
    return gpd.GeoDataFrame(geometry=shapes, crs=2379).to_crs(crs)


# The fit -----------------------------------------------------------------------------------------


def test_points_from_known_parameters_give_them_back_to_the_millimetre(tmp_path: Path) -> None:
    """Over 16 km a similarity follows the seven parameters to less than a millimetre."""
    points = ControlPoints.read(write(tmp_path / "points.csv"))
    frame, how = to_cgcs2000(layer(), points)
    true = to_crs(layer(), 4543, shift=HELMERT)
    apart = shapely.get_coordinates(frame.geometry.array) - shapely.get_coordinates(
        true.geometry.array
    )
    assert frame.crs == CRS(4543)
    assert np.hypot(*apart.T).max() < 1e-3
    assert np.hypot(*(NEW - OLD).T).min() > 50
    assert "points.csv" in how.zh and "RMS 0.000" in how.en and how.warnings == ()


@pytest.mark.parametrize(
    ("header", "order", "encoding"),
    [
        ("点号,旧X,旧Y,新X,新Y", (1, 0, 3, 2), "gb18030"),
        ("点名,旧东,旧北,新东,新北", (0, 1, 2, 3), "utf-8-sig"),
        ("id,E_NEW,N_NEW,E_OLD,N_OLD", (2, 3, 0, 1), "utf-8"),
        ("id;x_old;y_old;x_new;y_new", (0, 1, 2, 3), "utf-8"),
        ("id\tx_old\ty_old\tx_new\ty_new", (0, 1, 2, 3), "utf-8"),
        ("序号,原X坐标,原Y坐标,新X坐标,新Y坐标", (1, 0, 3, 2), "gb18030"),
    ],
)
def test_headers(tmp_path: Path, header: str, order: tuple[int, ...], encoding: str) -> None:
    """X is north in Chinese, east in English."""
    path = write(tmp_path / "p.csv", header=header, order=order, encoding=encoding)
    points = ControlPoints.read(path)
    np.testing.assert_allclose(points.old, OLD, atol=1e-3)
    np.testing.assert_allclose(points.new, NEW, atol=1e-3)
    assert points.names == tuple(f"K{k}" for k in range(len(OLD)))


@pytest.mark.parametrize(("source", "target"), [(2379, 4490), (2379, 4326), (2379, 32648)])
def test_to_other_crs(tmp_path: Path, source: int, target: int) -> None:
    points = ControlPoints.read(write(tmp_path / "p.csv"))
    moved = to_crs(layer(source), target, shift=points).to_crs(4543)
    assert moved.distance(to_crs(layer(), 4543, shift=HELMERT)).max() < 1e-3


def test_with_zone_prefix_on_both_sides(tmp_path: Path) -> None:
    points = ControlPoints.read(write(tmp_path / "p.csv", OLD + PREFIX, NEW + PREFIX))
    frame, _ = to_cgcs2000(layer(2358), points)
    assert frame.crs == CRS(4522)
    assert frame.to_crs(4543).distance(to_crs(layer(), 4543, shift=HELMERT)).max() < 1e-3


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(*[st.floats(-2e4, 2e4)] * 2), min_size=2, max_size=12, unique=True),
    st.floats(-1e-3, 1e-3),
    st.floats(-1e-4, 1e-4),
    st.tuples(*[st.floats(-200, 200)] * 2),
)
def test_any_similarity_is_found(
    points: list[tuple[float, float]], turn: float, scale: float, by: tuple[float, float]
) -> None:
    old = np.array(points) + OLD[4]
    if np.ptp(old, axis=0).max() < 10:
        return
    z = (1 + scale) * np.exp(1j * turn) * (old[:, 0] + 1j * old[:, 1])
    new = np.column_stack([z.real, z.imag]) + by
    fit = Similarity.fit(old, new)
    np.testing.assert_allclose(np.column_stack(fit(*old.T)), new, atol=1e-6)
    assert not fit.suspects.any()


def test_residuals_and_the_point_that_is_off(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    new = NEW + rng.normal(0, 0.02, NEW.shape)
    clean = ControlPoints.read(write(tmp_path / "clean.csv", OLD, new))
    assert clean.fit.sigma == pytest.approx(0.02, rel=0.6) and not clean.fit.suspects.any()
    new[3] += (0.8, -0.5)
    points = ControlPoints.read(write(tmp_path / "off.csv", OLD, new))
    assert points.fit.suspects.tolist() == [False] * 3 + [True] + [False] * 4
    ((zh, en),) = points.warnings()
    assert "of K3 are beyond 3 sigma" in en and "K3" in zh and "off.csv" in zh
    zh, en = points.describe()
    rms = np.sqrt((abs(points.fit.residuals) ** 2).mean())
    assert f"RMS {rms:.3f}" in en and f"K0 {abs(points.fit.residuals[0]):.3f}" in en


def test_three_sigma_rarely_accuses_the_innocent() -> None:
    rng = np.random.default_rng(4)
    accused = np.mean(
        [Similarity.fit(OLD, NEW + rng.normal(0, 0.02, NEW.shape)).suspects for _ in range(2000)]
    )
    assert accused == pytest.approx(0.0027, abs=0.0015)


def test_two_points_leave_nothing_to_check(tmp_path: Path) -> None:
    points = ControlPoints.read(write(tmp_path / "p.csv", OLD[:2], NEW[:2]))
    zh, en = points.describe()
    assert "no residual" in en and "无从检核" in zh and np.isnan(points.fit.sigma)
    assert to_cgcs2000(layer(), points)[0].crs == CRS(4543)


# What is refused ---------------------------------------------------------------------------------


def refused(path: Path) -> str:
    with pytest.raises(ParameterError) as error:
        ControlPoints.read(path)
    assert path.name in error.value.zh and path.name in error.value.en
    assert "\n" not in error.value.zh
    return error.value.en


def test_missing_columns_and_fields(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    assert "x_new" in refused(write(path, header="id,x_old,y_old,x,y_new"))
    assert "several" in refused(write(path, header="id,x_old,y_old,x_new,x_new"))
    for text in ("", "\n\n", "id,x_old\n", "\0\0"):
        path.write_text(text)
        refused(path)
    head = "id,x_old,y_old,x_new,y_new\nA,1,2,3,4\n\n"
    for row in ("B,1,2,x,4", "B,1,2,nan,4", "B,1,2,inf,4", "B,1,2", "B,1,2,,4", "B,1,2,1e999,4"):
        path.write_text(head + row + "\n")
        assert "row 4, x_new" in refused(path)
    refused(tmp_path / "absent.csv")
    refused(tmp_path)
    path.write_bytes(b"id,x_old,y_old,x_new,y_new\n" + bytes(range(128, 256)) * 50)
    refused(path)
    path.write_text("x_old,y_old,x_new,y_new\n" + "9" * 200_000 + '"\n')
    refused(path)


def test_too_few_or_one_place(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    assert "at least two" in refused(write(path, OLD[:1], NEW[:1]))
    assert "at least two" in refused(write(path, OLD[:0].reshape(0, 2), NEW[:0]))
    assert "at least two" in refused(write(path, OLD[[0, 0, 0]], NEW[[0, 0, 0]]))
    assert "at least two" in refused(write(path, OLD[:3], NEW[[0, 0, 0]]))


def test_no_shift_of_a_datum(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    assert "rotation" in refused(write(path, OLD, NEW[:, ::-1]))  # one side exchanged
    assert "rotation" in refused(write(path, OLD, NEW[::-1]))  # not the same points
    assert "scale" in refused(write(path, OLD, NEW * 1.01))


@pytest.mark.parametrize(
    "points",
    [
        (OLD[:, ::-1], NEW[:, ::-1]),  # X and Y exchanged on both sides
        (OLD + PREFIX, NEW + PREFIX),  # with prefix, the layer without
        (OLD + PREFIX / 34, NEW + PREFIX / 34),
    ],
)
def test_points_that_are_not_those_of_the_layer(
    tmp_path: Path, points: tuple[np.ndarray, np.ndarray]
) -> None:
    control = ControlPoints.read(write(tmp_path / "p.csv", *points))
    with pytest.raises(ParameterError, match=r"p\.csv.*km from the layer"):
        to_cgcs2000(layer(), control)


def test_new_points_in_another_zone(tmp_path: Path) -> None:
    control = ControlPoints.read(write(tmp_path / "p.csv", OLD, NEW + PREFIX))
    with pytest.raises(ParameterError, match="prefix"):
        to_cgcs2000(layer(), control)


def test_degrees_are_not_moved_by_points_in_a_plane(tmp_path: Path) -> None:
    control = ControlPoints.read(write(tmp_path / "p.csv"))
    with pytest.raises(CRSError, match="--helmert"):
        to_cgcs2000(layer(4610), control)
