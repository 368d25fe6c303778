"""``yuxi-gis check``: check layers against the rules."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yuxi_gis.cli._base import (
    Console,
    common_options,
    output_options,
    privacy_options,
    source_argument,
)
from yuxi_gis.cli._checking import (
    ENDINGS,
    NothingRead,
    mends_as_json,
    reader,
    refuse_fix_in_tiles,
    require_known,
    show,
    show_counts,
    show_mends,
    show_tally,
    uninterrupted,
    unread,
    untold,
    writers,
)
from yuxi_gis.cli._reading import as_json, read_sources, reading_options, report_failures
from yuxi_gis.errors import YuxiGisError

if TYPE_CHECKING:
    from yuxi_gis.checks import CheckResult
    from yuxi_gis.codes import Masking
    from yuxi_gis.read import Options

__all__ = ["command", "show_counts"]

_SEVERITIES = ("error", "warning", "info")


def command(console: Console) -> click.Command:
    t = console.t

    @click.command(
        "check",
        help=t(
            "检查图层是否符合规则。退出码：0 无问题，1 有问题，2 输入有误（能读的照常检查）。",
            "Check layers against the rules. Exit code: 0 clean, 1 findings, 2 wrong input (what "
            "can be read is checked all the same).",
        ),
    )
    @source_argument
    @output_options(
        console,
        f"输出文件，可多次给出；格式由后缀决定：{' '.join(ENDINGS)}。",
        f"Output, may be repeated; the ending gives the format: {' '.join(ENDINGS)}.",
        multiple=True,
        metavar="OUT",
    )
    @click.option(
        "--profile",
        metavar="ID|FILE",
        help=t(
            "检查方案：内置方案名或 TOML 文件（默认 standard）。",
            "Profile: a built-in one or a TOML file (default: standard).",
        ),
    )
    @click.option(
        "--baseline",
        metavar="OLD",
        help=t(
            "上次检查的输出（.gpkg .xlsx .json）：标出新增、仍存在、已整改，保留备注。",
            "Output of an earlier check (.gpkg .xlsx .json): tells what is new, remaining and "
            "mended, and keeps the remarks.",
        ),
    )
    @click.option(
        "--fix",
        metavar="OUT.gpkg",
        help=t(
            "把不影响权属的小毛病改好，写到新文件并逐条列出；原文件不动。",
            "Write a copy with small faults mended that do not touch rights, each one listed.",
        ),
    )
    @click.option(
        "--tile",
        type=click.FloatRange(0, 10_000, min_open=True),
        metavar="KM",
        help=t(
            "数据大于内存时分块检查，块的边长（公里）；结果与不分块相同。",
            "For data larger than memory: check in tiles of so many km; the same is found.",
        ),
    )
    @click.option(
        "--fail-on",
        type=click.Choice([*_SEVERITIES, "never"]),
        default="error",
        show_default=True,
        help=t("达到此级别的问题使退出码为 1。", "Findings at or above this level exit with 1."),
    )
    @reading_options(console)
    @privacy_options(console)
    @common_options(console)
    def check(
        sources: tuple[str, ...],
        reading: Options,
        output: tuple[str, ...],
        overwrite: bool,
        profile: str | None,
        baseline: str | None,
        fix: str | None,
        tile: float | None,
        fail_on: str,
        masking: Masking,
        **common: Any,
    ) -> int:
        console.set(**common)
        failures: list[YuxiGisError] = []
        outputs = [Path(name) for name in output]
        fixed = None if fix is None else Path(fix)
        refuse_fix_in_tiles(fixed, tile)
        try:
            result, more = _run(
                console, sources, reading, outputs, fixed, overwrite, profile, baseline, masking,
                failures, tile,
            )  # fmt: skip
        except NothingRead:
            if console.json:
                console.print_json({"failures": as_json(failures)})
            return report_failures(console, failures)
        _tell(console, result, more, masking, outputs, fixed, failures)
        report_failures(console, untold(failures, result))
        return 2 if failures else _exit_code(result, fail_on)

    return check


def _run(
    console: Console,
    sources: tuple[str, ...],
    reading: Options,
    outputs: list[Path],
    fixed: Path | None,
    overwrite: bool,
    profile_name: str | None,
    baseline: str | None,
    masking: Masking,
    failures: list[YuxiGisError],
    tile: float | None,
) -> tuple[CheckResult, dict[str, Any]]:
    """Read, check, write: all outputs come into being together, or none."""
    from yuxi_gis.checks import load_profile, run_checks
    from yuxi_gis.checks.baseline import compare, tally
    from yuxi_gis.export.earlier import read_earlier
    from yuxi_gis.export.provenance import inputs_of, reading_of
    from yuxi_gis.outputs import refuse_inputs, staged

    every = [*outputs, *([fixed] if fixed is not None else [])]
    require_known(outputs, fixed)
    profile = load_profile(profile_name)
    old = None if baseline is None else read_earlier(baseline)
    refuse_inputs(every, [] if baseline is None else [baseline])
    more: dict[str, Any] = {}
    with ExitStack() as stack:
        parts = [stack.enter_context(staged(path, overwrite=overwrite)) for path in every]
        read = reader(console, tile, stack)
        layers = read_sources(console, sources, reading, every, failures=failures, read=read)
        if not layers:
            raise NothingRead
        result = run_checks(
            layers,
            profile=profile,
            unread=unread(failures, layers),
            progress=console.progress,
            tile_km=tile,
        )
        if old is not None:
            result = compare(result, old)
            more["baseline"] = tally(result, len(old))
        told: dict[str, Any] = {"masking": masking, "inputs": inputs_of(layers)}
        more["told"] = told | {"reading": reading_of(layers)}
        write = writers(layers)
        for path, part in zip(outputs, parts, strict=False):
            console.progress(f"写出 {path.name}", f"writing {path.name}", 0.9)
            write[part.suffix.lower()](part, result, lang=console.lang, **more["told"])
        if fixed is not None:
            from yuxi_gis.export.mended import write_mended
            from yuxi_gis.mend import mend

            more["mended"] = mend(
                layers, profile=profile, found=result.findings, progress=console.progress
            )
            more["masked"] = write_mended(parts[-1], more["mended"], lang=console.lang, **told)
        with uninterrupted():
            stack.close()
    return result, more


def _tell(
    console: Console,
    result: CheckResult,
    more: dict[str, Any],
    masking: Masking,
    outputs: list[Path],
    fixed: Path | None,
    failures: list[YuxiGisError],
) -> None:
    """Say what was found, mended and written."""
    from yuxi_gis.codes import Masking
    from yuxi_gis.export.masking import mask_findings, mask_result
    from yuxi_gis.export.table import to_json

    for path in [*outputs, *([fixed] if fixed is not None else [])]:
        console.note(f"已写出 {path}", f"wrote {path}")
    if outputs or fixed or masking.word != Masking().word:
        console.note(masking.text("zh"), masking.text("en"))
    if any(more.get("masked", {}).values()):
        console.note(
            f"{fixed} 中的个人信息已遮盖：要用它替换原数据，请加 --unmask 重做",
            f"personal data in {fixed} are masked: to replace the data with it, use --unmask",
        )
    result = mask_result(result, masking)
    if console.json:
        data = to_json(result, **more["told"]) | {"failures": as_json(failures)}
        if "baseline" in more:
            data["baseline"] = more["baseline"]
        if "mended" in more:
            data["mends"] = mends_as_json(mask_findings(more["mended"].mends, masking))
        console.print_json(data)
        return
    show(console, result, whole=not failures)
    if "baseline" in more:
        show_tally(console, more["baseline"])
    if "mended" in more:
        show_mends(console, more["mended"])


def _exit_code(result: CheckResult, fail_on: str) -> int:
    if fail_on == "never" or result.worst is None:
        return 0
    return int(_SEVERITIES.index(result.worst) <= _SEVERITIES.index(fail_on))
