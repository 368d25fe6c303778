"""What ``check`` does around the checks: its outputs, and what it says on the terminal."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yuxi_gis.cli._base import Console
from yuxi_gis.errors import ParameterError, YuxiGisError

if TYPE_CHECKING:
    import pandas as pd

    from yuxi_gis.checks import CheckResult, NotRun
    from yuxi_gis.mend import Mended
    from yuxi_gis.read import SourceTable

__all__ = [
    "ENDINGS",
    "NothingRead",
    "mends_as_json",
    "reader",
    "refuse_fix_in_tiles",
    "require_known",
    "show",
    "show_counts",
    "show_mends",
    "show_tally",
    "uninterrupted",
    "unread",
    "untold",
    "writers",
]

_STOPS = (signal.SIGINT, signal.SIGTERM)
#: What the name of an output can end in.
ENDINGS = (".xlsx", ".html", ".gpkg", ".csv", ".json", ".sarif")

#: What a check takes without tiles, measured (`benchmarks/memory_checks.py`).
_BYTES_PER_PARCEL = 3000
_EXAMPLES = 3  # findings of a rule on the terminal


class NothingRead(Exception):
    """No layer could be read, so there is nothing to write."""


def require_known(outputs: Iterable[Path], fixed: Path | None) -> None:
    """Refuse formats that cannot be written, before any work is done."""
    known = dict.fromkeys(outputs, ENDINGS) | ({} if fixed is None else {fixed: (".gpkg",)})
    for path, endings in known.items():
        if path.suffix.lower() not in endings:
            can = " ".join(endings)
            raise ParameterError(
                f"{path}：不支持的输出格式。后缀可以是 {can}。",
                f"{path}: unknown output format. The ending can be {can}.",
            )


def refuse_fix_in_tiles(fixed: Path | None, tile: float | None) -> None:
    """Mending works on whole layers."""
    if fixed is not None and tile is not None:
        raise ParameterError(
            "--fix 不能与 --tile 一起使用：整改须把整个图层读入内存。请先分块检查，再按乡镇分别 "
            "--fix。",
            "--fix cannot be used with --tile: mending needs the whole layer in memory. Check in "
            "tiles first, then use --fix town by town.",
        )


def reader(console: Console, tile: float | None, stack: ExitStack) -> Callable[..., dict[str, Any]]:
    """What reads the layers: into scratch files, gone with `stack`, where they are tiled."""
    from yuxi_gis.read import read_tables
    from yuxi_gis.read.spool import spool_tables

    def read(tables: Iterable[SourceTable], **more: Any) -> dict[str, Any]:
        tables = list(tables)
        if tile is not None:
            return dict(spool_tables(tables, stack, **more))
        rows = sum(table.rows for table in tables if table.spec and table.geometry)
        if rows * _BYTES_PER_PARCEL > _memory():
            console.note(
                f"共 {rows} 个图形，内存可能不够：可加 --tile 5 分块检查，结果相同",
                f"{rows} shapes, memory may not suffice: --tile 5 checks in tiles, with the same "
                "result",
            )
        return dict(read_tables(tables, **more))

    return read


def _memory() -> float:
    """Bytes of memory of this machine; infinite where it does not tell."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, OSError, ValueError):  # Windows has no such call
        return math.inf


def writers(layers: Mapping[str, pd.DataFrame]) -> dict[str, Callable[..., object]]:
    """By ending, what writes a result: called as ``write(path, result, lang=…, …)``."""
    from yuxi_gis.export.geopackage import write_findings
    from yuxi_gis.export.report import write_report
    from yuxi_gis.export.sarif import write_sarif
    from yuxi_gis.export.table import write_csv, write_json
    from yuxi_gis.export.workbook import write_workbook

    sources = {
        name: str(frame.attrs["source"])
        for name, frame in layers.items()
        if frame.attrs.get("source")
    }
    return {
        ".xlsx": write_workbook,
        ".html": partial(write_report, layers=layers),
        ".gpkg": write_findings,
        ".csv": write_csv,
        ".json": write_json,
        ".sarif": partial(write_sarif, sources=sources),
    }


def unread(
    failures: Iterable[YuxiGisError], layers: Mapping[str, pd.DataFrame]
) -> list[YuxiGisError]:
    """Those of `failures` that are files or layers which could not be read at all."""
    from yuxi_gis.read.georeference import misplaced

    read = {error.en for error in map(misplaced, layers.values()) if error is not None}
    return [error for error in failures if error.en not in read]


def untold(failures: Iterable[YuxiGisError], result: CheckResult) -> list[YuxiGisError]:
    """Those of `failures` that are no finding: S05 tells of misplaced layers in the same words."""
    from yuxi_gis.checks.baseline import said

    placed = result.findings[result.findings["rule"] == "S05"]
    told = tuple(text.rstrip(".") for text in said(placed, "en"))
    return [error for error in failures if not error.en.rstrip(".").endswith(told)]


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Outputs that belong together appear together: Ctrl-C has no effect for that moment."""
    try:
        before = {which: signal.signal(which, signal.SIG_IGN) for which in _STOPS}
    except ValueError:  # not the main thread, which alone hears of Ctrl-C
        yield
        return
    try:
        yield
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)


# What is said -----------------------------------------------------------------------------------


def show(console: Console, result: CheckResult, *, whole: bool = True) -> None:
    """Totals, then by rule, then examples, then what did not run.

    Nothing is called clean unless the input is `whole`: all read, all in its place.
    """
    from yuxi_gis.checks import RULES

    t, findings = console.t, result.findings
    if len(findings):
        console.say(_totals(console, result))
        show_counts(console, result)
        _show_examples(console, result)
    for layer_id, layer in result.layers.items():
        console.say(
            t(f"已检查 {layer_id}：{layer.count} 行", f"checked {layer_id}: {layer.count} rows")
        )
    _show_not_run(console, result)
    console.say(t(f"检查方案：{result.profile}", f"profile: {result.profile}"))
    if findings.empty and whole:
        ran = sum(result.profile.has(id) for id in RULES)
        titles = "、".join(result.layers)
        console.say(t(f"没有发现问题：{titles}（{ran} 条规则）", f"no findings in {titles}"))


def _totals(console: Console, result: CheckResult) -> str:
    from yuxi_gis.export.workbook import SEVERITY
    from yuxi_gis.findings import SEVERITIES

    k = ("zh", "en").index(console.lang)
    counts = result.findings["severity"].value_counts()
    told = console.t("，", ", ").join(
        f"{SEVERITY[name][k]} {counts.get(name, 0)}" for name in SEVERITIES
    )
    number = len(result.findings)
    return console.t(f"共 {number} 个问题：{told}", f"{number} findings: {told}")


def show_counts(console: Console, result: CheckResult) -> None:
    """The number of findings by rule."""
    from yuxi_gis.export.table import rule_title
    from yuxi_gis.export.workbook import SEVERITY

    k = ("zh", "en").index(console.lang)
    counts = result.findings.groupby(["rule", "severity"], sort=True).size()
    console.table(
        [
            (rule, SEVERITY[severity][k], int(number), rule_title(rule, console.lang))
            for (rule, severity), number in counts.items()
        ]
    )


def _show_examples(console: Console, result: CheckResult) -> None:
    """The first findings of each rule, and how to mend them."""
    from yuxi_gis.checks.baseline import said
    from yuxi_gis.export.table import rule_mend, rule_title

    first = result.findings.groupby("rule").head(_EXAMPLES)
    first = first.assign(said=said(first, console.lang))
    for rule, rows in first.groupby("rule"):
        console.say()
        console.say(f"{rule} {rule_title(str(rule), console.lang)}")
        for row in rows.itertuples():
            console.say("  " + " ".join(filter(None, (row.layer, row.feature))) + f"  {row.said}")
        mend = rule_mend(str(rule), console.lang)
        if mend:
            console.say("  → " + mend)
    console.say()
    rest = len(result.findings) - len(first)
    if rest:
        console.say(
            console.t(
                f"…… 还有 {rest} 个，用 -o 文件 输出全部（如 台账.xlsx、报告.html）",
                f"… {rest} more: write all with -o (for example ledger.xlsx, report.html)",
            )
        )


def _show_not_run(console: Console, result: CheckResult) -> None:
    """What could not be judged: a line a reason, and one for all layers that were not given."""
    reasons: dict[str, dict[str, None]] = {}
    absent: dict[str, dict[str, None]] = {"layers": {}, "rules": {}}
    for entry in result.not_run:
        if entry.layer and entry.layer not in result.layers:
            absent["layers"][entry.layer] = absent["rules"][entry.rule] = None
        else:
            reasons.setdefault(_reason(entry, console.lang), {})[entry.rule] = None
    for why, rules in reasons.items():
        console.say(console.t("未执行 ", "not run: ") + f"{' '.join(rules)}  {why}")
    if absent["layers"]:
        layers, ids = (" ".join(names) for names in absent.values())
        console.say(
            console.t(
                f"没有给出图层 {layers}，对它们未执行 {ids}",
                f"layers not given: {layers}; not run on them: {ids}",
            )
        )


def _reason(entry: NotRun, lang: str) -> str:
    return f"{entry.layer}  {entry.reason(lang)}".strip()


def show_tally(console: Console, counts: Mapping[str, int]) -> None:
    """What is new, remaining, mended, and not known, since the earlier run."""
    new, remaining, mended, unknown = (
        counts[name] for name in ("new", "remaining", "mended", "unknown")
    )
    console.say(
        console.t(
            f"与上次相比：新增 {new}，仍存在 {remaining}，已整改 {mended}",
            f"since the earlier run: {new} new, {remaining} remaining, {mended} mended",
        )
    )
    if unknown:
        console.say(
            console.t(
                f"上次的 {unknown} 个问题本次没有检查（规则或图层未执行），是否已整改不明",
                f"{unknown} earlier findings were not checked this time (rule or layer not run): "
                "whether they are mended is not known",
            )
        )


def show_mends(console: Console, mended: Mended) -> None:
    """The number of mends by kind, and of those left out."""
    from yuxi_gis.mend import KINDS

    k = ("zh", "en").index(console.lang)
    done = mended.mends["done"].astype(bool)
    counts = mended.mends["kind"][done].value_counts().sort_index()
    console.say(
        console.t(
            f"已修补 {int(done.sum())} 处，未修补 {int((~done).sum())} 处",
            f"{int(done.sum())} mends made, {int((~done).sum())} left out",
        )
    )
    console.table([(KINDS[kind][k], int(number)) for kind, number in counts.items()])


def mends_as_json(mends: Any) -> list[dict[str, Any]]:
    """The list of mends for scripts; missing values are null."""
    table = mends.drop(columns="geometry").astype(object)
    records: list[dict[str, Any]] = table.where(table.notna(), None).to_dict("records")
    return records
