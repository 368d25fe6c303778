"""What the commands that read sources share: what the user says of them, and the batch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from yuxi_gis.cli._base import Console
from yuxi_gis.errors import ParameterError, SourceError, YuxiGisError

if TYPE_CHECKING:
    from yuxi_gis.read import Survey
    from yuxi_gis.read.table import Options

__all__ = [
    "as_json",
    "look",
    "read_sources",
    "reading_options",
    "report_failures",
    "with_geometry",
]

Function = TypeVar("Function", bound=Callable[..., Any])

#: The options, with what is said of each in Chinese and English.
_OPTIONS: tuple[tuple[tuple[str, ...], dict[str, Any], str, str], ...] = (
    (
        ("--crs",),
        {"metavar": "EPSG"},
        "数据没有坐标系时使用，例如 EPSG:4543。",
        "CRS of data that declare none, for example EPSG:4543.",
    ),
    (
        ("--override-crs",),
        {"is_flag": True},
        "文件自带的坐标系标错了：一律用 --crs（坐标不移动）。",
        "The declared CRS is wrong: use --crs for all (no coordinate is moved).",
    ),
    (
        ("--swap-axes",),
        {"is_flag": True},
        "X、Y 写反了：交换。",
        "X and Y are the wrong way round: exchange them.",
    ),
    (
        ("--encoding",),
        {"metavar": "NAME"},
        "文字编码，代替判定结果，例如 GB18030、UTF-8、Big5。",
        "Encoding of the text in place of the one found: GB18030, UTF-8, Big5.",
    ),
    (
        ("--helmert",),
        {"metavar": "DX,DY,DZ,RX,RY,RZ,DS"},
        "旧基准到 CGCS2000 的七参数（米、角秒、ppm，布尔莎模型）。",
        "Seven parameters from the old datum to CGCS2000 (m, arc seconds, ppm).",
    ),
    (
        ("--control-points",),
        {"metavar": "CSV", "type": click.Path(path_type=Path)},
        "控制点表（旧坐标、新坐标），用最小二乘求转换参数。",
        "Table of control points (old and new coordinates); the shift is fitted to them.",
    ),
    (
        ("--allow-ballpark",),
        {"is_flag": True},
        "接受不知精度的基准转换（可偏移几十到一百多米）。",
        "Accept a datum shift of unknown accuracy (tens to over 100 m off).",
    ),
)
_NAMES = tuple(flags[0].removeprefix("--").replace("-", "_") for flags, *_ in _OPTIONS)


def reading_options(console: Console) -> Callable[[Function], Function]:
    """Options that say what is known of the sources; the command gets them as ``reading``."""

    def decorate(function: Function) -> Function:
        @wraps(function)
        def command(*args: Any, **kwargs: Any) -> Any:
            told = {name: kwargs.pop(name) for name in _NAMES}
            return function(*args, reading=_options(**told), **kwargs)

        wrapped: Any = command
        for flags, settings, zh, en in reversed(_OPTIONS):
            wrapped = click.option(*flags, **settings, help=console.t(zh, en))(wrapped)
        return wrapped

    return decorate


def _options(
    crs: str | None,
    override_crs: bool,
    swap_axes: bool,
    encoding: str | None,
    helmert: str | None,
    control_points: Path | None,
    allow_ballpark: bool,
) -> Options:
    from yuxi_gis.crs.datum import BALLPARK, ControlPoints, Helmert
    from yuxi_gis.read.table import Options

    if override_crs and crs is None:
        raise ParameterError(
            "--override-crs 须与 --crs 一起使用，例如 --crs EPSG:4522 --override-crs。",
            "--override-crs needs --crs, for example --crs EPSG:4522 --override-crs.",
        )
    if sum((helmert is not None, control_points is not None, allow_ballpark)) > 1:
        raise ParameterError(
            "--helmert、--control-points、--allow-ballpark 只能给一个。",
            "Give only one of --helmert, --control-points and --allow-ballpark.",
        )
    shift: Any = BALLPARK if allow_ballpark else None
    if helmert is not None:
        shift = Helmert.parse(helmert)
    if control_points is not None:
        shift = ControlPoints.read(control_points)
    return Options.of(
        crs=crs, override_crs=override_crs, swap_axes=swap_axes, encoding=encoding, shift=shift
    )


def look(console: Console, sources: Iterable[str], reading: Options) -> Survey:
    """What the sources hold; raises where nothing at all can be read."""
    from yuxi_gis.read import survey

    found = survey(sources, options=reading, progress=console.progress)
    if not found.tables and len(found.failures) == 1 and not console.json:
        raise found.failures[0]
    for name, zh, en in found.ignored:
        console.note(f"{name}：{zh}", f"{name}: {en}")
    return found


def read_sources(
    console: Console,
    sources: tuple[str, ...],
    reading: Options,
    outputs: Iterable[Path] = (),
    *,
    failures: list[YuxiGisError] | None = None,
    read: Callable[..., dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Read the recognised layers, none of which may be an output; name what was not recognised.

    What cannot be read, and layers whose coordinates do not go with their CRS, are added to
    `failures` where that is given, and raised otherwise. `read` takes the place of `read_tables`.
    """
    from yuxi_gis.outputs import refuse_inputs
    from yuxi_gis.read import read_tables
    from yuxi_gis.read.georeference import misplaced

    found = look(console, sources, reading)
    refuse_inputs(outputs, {table.path for table in found.tables})
    if failures is None and found.failures:
        for error in found.failures[:-1]:
            console.error(error)
        raise found.failures[-1]
    failed = [] if failures is None else failures
    failed.extend(found.failures)
    for table in found.tables:
        if table.spec is None:
            console.note(
                f"未识别、未读取：{table.name}（可用 ID=路径 指明）",
                f"not recognised, not read: {table.name} (name it as ID=path)",
            )
    if not found.tables:
        return {}
    layers = (read or read_tables)(
        found.tables,
        on_error=None if failures is None else failures.append,
        progress=console.progress,
    )
    if not layers and len(failed) == 1 and not console.json:
        raise failed[0]
    _note(console, layers)
    wrong = [error for error in map(misplaced, layers.values()) if error is not None]
    if wrong and failures is None:
        raise wrong[0]
    failed.extend(wrong)
    return layers


def _note(console: Console, layers: dict[str, Any]) -> None:
    """Say what was noticed while reading, and which ledgers gave way to a layer."""
    from yuxi_gis.read.georeference import misplaced

    for layer_id, frame in layers.items():
        wrong = misplaced(frame)
        for note in frame.attrs.get("notes", ()):
            if note["severity"] != "info" and not (wrong and wrong.en.endswith(note["en"])):
                console.note(f"{layer_id}：{note['zh']}", f"{layer_id}: {note['en']}")
        for name in frame.attrs.get("left_out", ()):
            console.note(
                f"{layer_id}：已有带图形的图层，未使用 {name}",
                f"{layer_id}: there is a layer with geometry, {name} was not used",
            )


def with_geometry(
    console: Console, layers: dict[str, Any], beside: Collection[str] = ()
) -> dict[str, Any]:
    """The layers that have geometry; names the tables that have none and are not used, but for
    those that are used `beside` the layers."""
    shaped = {name: frame for name, frame in layers.items() if hasattr(frame, "geometry")}
    tables = ", ".join(name for name in layers if name not in (*shaped, *beside))
    if not shaped:
        tables = ", ".join(layers)
        raise SourceError(
            f"{tables}：是没有图形的属性表，不能上图。请给出带图形的文件。",
            f"{tables}: tables without geometry; give a file with the shapes.",
        )
    if tables:
        console.note(f"没有图形，未使用：{tables}", f"without geometry, not used: {tables}")
    return shaped


def as_json(failures: list[YuxiGisError]) -> list[dict[str, str]]:
    """What could not be read, for scripts."""
    return [{"zh": error.zh, "en": error.en} for error in failures]


def report_failures(console: Console, failures: list[YuxiGisError]) -> int:
    """A line for every file that could not be read; the exit code that follows from them."""
    for error in failures:
        console.error(error)
    if failures:
        console.note(
            f"有 {len(failures)} 个文件或图层未能读取，或坐标系有误（见上）",
            f"{len(failures)} files or layers could not be read or lie wrong (see above)",
        )
    return 2 if failures else 0
