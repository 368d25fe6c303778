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
from yuxi_gis.cli._reading import as_json, read_sources, reading_options, report_failures
from yuxi_gis.errors import ParameterError, YuxiGisError

if TYPE_CHECKING:
    from yuxi_gis.checks import CheckResult
    from yuxi_gis.codes import Masking
    from yuxi_gis.read import Options

_SEVERITIES = ("error", "warning", "info")
_SHOWN = 50


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
        "输出文件，可多次给出；格式由后缀决定：.xlsx .csv .json .gpkg。",
        "Output, may be repeated; the ending gives the format: .xlsx .csv .json .gpkg.",
        multiple=True,
        metavar="OUT",
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
        fail_on: str,
        masking: Masking,
        **common: Any,
    ) -> int:
        from yuxi_gis.checks import run_checks
        from yuxi_gis.codes import Masking
        from yuxi_gis.export.masking import mask_result
        from yuxi_gis.export.provenance import inputs_of
        from yuxi_gis.export.table import to_json
        from yuxi_gis.outputs import staged

        console.set(**common)
        outputs = [Path(name) for name in output]
        _require_known(outputs)
        failures: list[YuxiGisError] = []
        with ExitStack() as stack:
            # All outputs come into being together, or none.
            parts = [stack.enter_context(staged(path, overwrite=overwrite)) for path in outputs]
            layers = read_sources(console, sources, reading, outputs, failures=failures)
            if not layers:
                if console.json:
                    console.print_json({"failures": as_json(failures)})
                return report_failures(console, failures)
            result = run_checks(layers, progress=console.progress)
            told: dict[str, Any] = {"masking": masking, "inputs": inputs_of(layers)}
            for part in parts:
                _writers()[part.suffix.lower()](part, result, lang=console.lang, **told)
        for path in outputs:
            console.note(f"已写出 {path}", f"wrote {path}")
        if outputs or masking.word != Masking().word:
            console.note(masking.text("zh"), masking.text("en"))
        result = mask_result(result, masking)
        if console.json:
            console.print_json(to_json(result, **told) | {"failures": as_json(failures)})
        else:
            show(console, result, whole=not failures)
        return report_failures(console, failures) or _exit_code(result, fail_on)

    return check


def _writers() -> dict[str, Any]:
    from yuxi_gis.export.geopackage import write_geopackage
    from yuxi_gis.export.table import write_csv, write_json
    from yuxi_gis.export.workbook import write_workbook

    def geopackage(path: Path, result: CheckResult, *, lang: str, **told: Any) -> None:
        write_geopackage(path, {}, findings=result.findings, **told)

    return {".xlsx": write_workbook, ".csv": write_csv, ".json": write_json, ".gpkg": geopackage}


def _require_known(paths: list[Path]) -> None:
    """Refuse a format that cannot be written, before any work is done."""
    known = _writers()
    for path in paths:
        if path.suffix.lower() not in known:
            endings = " ".join(known)
            raise ParameterError(
                f"{path}：不支持的输出格式。后缀可以是 {endings}。",
                f"{path}: unknown output format. The ending can be {endings}.",
            )


def show(console: Console, result: CheckResult, *, whole: bool = True) -> None:
    """Findings line by line (at most 50), then by rule, then what did not run.

    Nothing is called clean unless the input is `whole`: all read, all in its place.
    """
    from yuxi_gis.checks import RULES

    t, findings = console.t, result.findings
    message = f"message_{console.lang}"
    for row in findings.head(_SHOWN).itertuples():
        console.say(f"{row.rule} {row.severity} {row.layer} {row.feature}  {getattr(row, message)}")
    if len(findings) > _SHOWN:
        rest = len(findings) - _SHOWN
        console.say(
            t(f"…… 还有 {rest} 条，用 -o 文件 输出全部", f"… {rest} more: write all with -o")
        )
    show_counts(console, result)
    for layer_id, layer in result.layers.items():
        console.say(
            t(f"已检查 {layer_id}：{layer.count} 行", f"checked {layer_id}: {layer.count} rows")
        )
    show_not_run(console, result)
    console.say(t(f"规则参数：{result.profile}", f"profile: {result.profile}"))
    if findings.empty and whole:
        titles = "、".join(result.layers)
        console.say(t(f"没有发现问题：{titles}（{len(RULES)} 条规则）", f"no findings in {titles}"))


def show_counts(console: Console, result: CheckResult) -> None:
    """The number of findings by rule."""
    from yuxi_gis.checks import RULES

    counts = result.findings.groupby(["rule", "severity"], sort=True).size()
    console.table(
        [
            (rule, severity, int(number), RULES[rule].title(console.lang))
            for (rule, severity), number in counts.items()
        ]
    )


def show_not_run(console: Console, result: CheckResult) -> None:
    """What could not be judged: a line a rule and layer, and one for the layers not given."""
    reasons: dict[tuple[str, str], list[str]] = {}
    absent: dict[str, list[str]] = {}
    for entry in result.not_run:
        if entry.layer in result.layers or not entry.layer:
            reasons.setdefault((entry.rule, entry.layer), []).append(entry.reason(console.lang))
        else:
            absent.setdefault(entry.layer, []).append(entry.rule)
    for (rule, layer), why in reasons.items():
        console.say(console.t("未执行 ", "not run: ") + f"{rule} {layer}  {'; '.join(why)}")
    for layer, rules in absent.items():
        console.say(
            console.t(
                f"没有给出图层 {layer}，未执行 {' '.join(rules)}",
                f"layer {layer} was not given, not run: {' '.join(rules)}",
            )
        )


def _exit_code(result: CheckResult, fail_on: str) -> int:
    if fail_on == "never" or result.worst is None:
        return 0
    return int(_SEVERITIES.index(result.worst) <= _SEVERITIES.index(fail_on))
