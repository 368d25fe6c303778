"""Two scenes on one grid, read block by block.

``open_scene`` looks at a scene and says what its bands are; ``align`` lays two scenes on the grid
of the first, or of the coarser one. Nothing here holds more than one block of pixels in memory.

Examples
--------
>>> scene = open_scene("scene_2024.tif")                                    # doctest: +SKIP
>>> scene.band("nir"), scene.scale                                          # doctest: +SKIP
(4, 0.0001)
>>> with align(scene, open_scene("scene_2025.tif")) as pair:                # doctest: +SKIP
...     for window in pair.windows():
...         before, after, seen = pair.read(window)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.windows import Window

from yuxi_gis.errors import SceneError
from yuxi_gis.read.grid import BLOCK, Grid, grow, windows
from yuxi_gis.read.laid import Laid, lay, store
from yuxi_gis.read.scene import Scene, open_scene
from yuxi_gis.read.sensors import ROLES

__all__ = ["BLOCK", "Grid", "Pair", "Scene", "align", "grow", "open_scene", "windows"]

# GDAL would warp whatever window is asked for in one piece, with other numbers at its rim.
_BY_BLOCKS = {"GDAL_VRT_WARP_USE_DATASET_RASTERIO": "NO"}

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]
Roles = tuple[str | None, ...]


@dataclass(frozen=True)
class Pair:
    """Two scenes on one grid. Made by `align`; usable while that is open.

    Attributes
    ----------
    before, after : Scene
    grid : Grid
        That of `before`, or of `after` where its pixels are clearly larger.
    roles : tuple of (str or None)
        Roles of the compared bands.
    before_bands, after_bands : tuple of int
        1-based numbers of the compared bands in either scene.
    """

    before: Scene
    after: Scene
    grid: Grid
    roles: Roles
    before_bands: tuple[int, ...]
    after_bands: tuple[int, ...]
    _before: Laid = field(repr=False)
    _after: Laid = field(repr=False)

    def windows(self, size: int = BLOCK) -> list[Window]:
        """The blocks of the grid, row by row."""
        return windows(self.grid.shape, size)

    def read_each(self, window: Window) -> tuple[Image, Image, Mask, Mask]:
        """Both scenes in a window, and where each of them shows the ground.

        Returns
        -------
        before, after : float32, (bands, rows, columns)
            Stored numbers of the compared bands; 0 where the ground is not seen.
        in_before, in_after : bool, (rows, columns)
            Where there are data that no quality band hides.
        """
        before, in_before = self._before.read(window)
        after, in_after = self._after.read(window)
        return before, after, in_before, in_after

    def read(self, window: Window) -> tuple[Image, Image, Mask]:
        """Both scenes in a window, and where both show the ground (see `read_each`)."""
        before, after, in_before, in_after = self.read_each(window)
        return before, after, in_before & in_after

    def hidden(self, window: Window) -> Mask:
        """Where a quality band of either scene hides the ground, (rows, columns).

        Cloud, shadow, snow, saturated or defective; not places without any data.
        """
        return self._before.hidden(window) | self._after.hidden(window)

    def overview(self, size: int = BLOCK) -> tuple[Image, Image, Mask]:
        """Both scenes as `read` gives them, thinned to at most `size` pixels a side."""
        rows, columns = self.grid.shape
        step = max(rows / size, columns / size, 1)
        thin = (max(int(rows / step), 1), max(int(columns / step), 1))
        whole = Window(0, 0, columns, rows)
        before, in_before = self._before.read(whole, thin)
        after, in_after = self._after.read(whole, thin)
        return before, after, in_before & in_after

    @contextmanager
    def stored(
        self, folder: str | os.PathLike[str], step: Callable[[float], None] | None = None
    ) -> Iterator[Pair]:
        """The same pair with what is slow to read written once on the grid.

        Warped scenes are warped, and compressed products of many files decoded, once instead of
        in every pass; a scene that lies on the grid in one plain file is read from there.

        Parameters
        ----------
        folder : path
            Existing folder for the scratch files ``before.tif`` and ``after.tif`` with their
            flags (``*.seen.tif``), uncompressed: bands × pixels × bytes of a stored number.
        step : callable, optional
            Told the part that is done.

        Yields
        ------
        Pair
            Gives the same numbers; usable while this is open.
        """
        sides = {"_before": self._before, "_after": self._after}
        slow = {name: laid for name, laid in sides.items() if laid.slow}
        with ExitStack() as stack:
            quick = {}
            for done, (name, laid) in enumerate(slow.items()):
                part = _part(step, done, len(slow))
                path = Path(folder) / f"{name.strip('_')}.tif"
                quick[name] = store(laid, self.grid, path, stack, part)
            yield replace(self, **quick)  # type: ignore[arg-type]


def _part(step: Callable[[float], None] | None, done: int, of: int) -> Callable[[float], None]:
    return lambda share: None if step is None else step((done + share) / of)


def _compared(before: Scene, after: Scene) -> tuple[Roles, tuple[int, ...], tuple[int, ...]]:
    """Roles and 1-based numbers of the bands that both scenes have."""
    pairs = tuple(zip(before.roles, after.roles, strict=False))
    alike = [n for n, roles in enumerate(pairs) if "quality" not in roles]
    by_user = before.by_user or after.by_user
    unknown = not all(set(scene.roles) & set(ROLES) for scene in (before, after))
    agree = all(None in pairs[n] or pairs[n][0] == pairs[n][1] for n in alike)
    if before.count == after.count and agree and (unknown or not by_user):
        # Bands that the user did not name are not wanted; those that nobody named are alike.
        alike = [n for n in alike if any(pairs[n]) or not by_user]
        numbers = tuple(n + 1 for n in alike)
        return tuple(pairs[n][0] or pairs[n][1] for n in alike), numbers, numbers
    common = tuple(role for role in ROLES if role in before.roles and role in after.roles)
    if not common:
        raise _nothing_common(before, after)
    return (
        common,
        tuple(before.roles.index(role) + 1 for role in common),
        tuple(after.roles.index(role) + 1 for role in common),
    )


def _nothing_common(before: Scene, after: Scene) -> SceneError:
    names = ["、".join(role or "?" for role in scene.roles) for scene in (before, after)]
    return SceneError(
        f"两景影像没有共同的波段：{before.path} 有 {before.count} 个（{names[0]}），"
        f"{after.path} 有 {after.count} 个（{names[1]}）。"
        "请用 --bands 指明波段（如 red=3,nir=4），或导出相同的波段。",
        f"the scenes have no bands in common: {before.path} has {before.count} ({names[0]}), "
        f"{after.path} has {after.count} ({names[1]}). Say which they are with --bands (for "
        "example red=3,nir=4), or export the same bands from both.",
    )


def _require_overlap(before: Scene, after: Scene) -> None:
    try:
        one, two = (Grid.of(scene).bounds_in(before.crs) for scene in (before, after))
        apart = one[0] >= two[2] or two[0] >= one[2] or one[1] >= two[3] or two[1] >= one[3]
    except RasterioError:
        apart = True
    if apart:
        raise SceneError(
            f"两景影像不重叠：{before.path} 与 {after.path}。请检查坐标系和范围，"
            "换用同一地区的影像。",
            f"the scenes do not overlap: {before.path} and {after.path}. Check their CRS and "
            "extent, and use scenes of the same area.",
        )


@contextmanager
def align(
    before: Scene, after: Scene, *, shift: tuple[float, float] = (0.0, 0.0)
) -> Iterator[Pair]:
    """Lay two scenes on one grid, to be read block by block.

    Parameters
    ----------
    before, after : Scene
        Any CRS and grid. They are compared on the grid of `before`, or on that of `after` where
        its pixels are clearly larger. What does not lie on that grid is warped on the fly:
        averaged where its pixels are clearly finer, else cubic. Bands are matched by their
        roles, those that only one scene has are left out; where the roles are not known, equal
        numbers of bands are matched by position. What a quality band hides is not seen.
    shift : (float, float)
        Eastward and northward, in units of the grid's CRS: how far `after` is moved first.

    Yields
    ------
    Pair

    Raises
    ------
    SceneError
        No bands or no ground in common, or a file cannot be read.
    """
    roles, before_bands, after_bands = _compared(before, after)
    _require_overlap(before, after)
    one, two = Grid.of(before), Grid.of(after)
    grid = two if two.coarser(one) else one
    with rasterio.Env(**_BY_BLOCKS), ExitStack() as stack:
        first = lay(grid, before, before_bands, (0.0, 0.0), stack)
        second = lay(grid, after, after_bands, shift, stack)
        yield Pair(before, after, grid, roles, before_bands, after_bands, first, second)
