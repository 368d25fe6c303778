"""``yuxi-gis summary``: totals by village, town or county."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yuxi_gis.cli._base import Console, common_options, output_options, source_argument
from yuxi_gis.cli._reading import as_json, read_sources, reading_options, report_failures
from yuxi_gis.errors import ParameterError, SourceError, YuxiGisError

if TYPE_CHECKING:
    import pandas as pd

    from yuxi_gis.read import Options
    from yuxi_gis.summary import Summary

_LEVELS = ("village", "town", "county")


def command(console: Console) -> click.Command:
    t = console.t

    @click.command(
        "summary",
        help=t(
            "按村、乡镇或县汇总数量和面积。退出码：0 完成，2 输入有误（能读的照常汇总）。",
            "Count and land by village, town or county. Exit code: 0 done, 2 wrong input (what "
            "can be read is added up all the same).",
        ),
    )
    @source_argument
    @click.option(
        "--by",
        type=click.Choice(_LEVELS),
        default="village",
        show_default=True,
        help=t("汇总级别：村、乡镇、县。", "Level to add up by."),
    )
    @click.option(
        "--by-place",
        is_flag=True,
        help=t(
            "按位置（行政区图层）而不按代码；跨界地块按面积分摊。",
            "By place in the administrative areas, not by code; parcels that cross a boundary are "
            "shared out by area.",
        ),
    )
    @click.option(
        "--check", is_flag=True, help=t("同时检查，并汇总问题。", "Run the checks; count findings.")
    )
    @click.option(
        "--findings",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help=t(
            "check 写出的 .gpkg 或 .json，汇总其中的问题。",
            "Count the findings that check wrote: .gpkg or .json.",
        ),
    )
    @click.option(
        "--changes",
        metavar="DIR",
        type=click.Path(path_type=Path),
        help=t("change 写出的文件夹，汇总其中的变化。", "Count the changes in a folder of change."),
    )
    @output_options(
        console,
        "输出文件，可多次给出；格式由后缀决定：.xlsx .csv .json .gpkg .html。",
        "Output, may be repeated; the ending gives the format: .xlsx .csv .json .gpkg .html.",
        multiple=True,
        metavar="OUT",
    )
    @reading_options(console)
    @common_options(console)
    def summary(
        sources: tuple[str, ...],
        reading: Options,
        by: str,
        by_place: bool,
        check: bool,
        findings: Path | None,
        changes: Path | None,
        output: tuple[str, ...],
        overwrite: bool,
        **common: Any,
    ) -> int:
        from yuxi_gis.export.provenance import inputs_of
        from yuxi_gis.export.summary import to_json
        from yuxi_gis.outputs import refuse_inputs, staged
        from yuxi_gis.summary import region_outlines, summarise

        console.set(**common)
        outputs = [Path(name) for name in output]
        _require_known(outputs, check, findings)
        results = [path for path in (findings, *_change_files(changes).values()) if path]
        refuse_inputs(outputs, results)
        failures: list[YuxiGisError] = []
        with ExitStack() as stack:
            # All outputs come into being together, or none.
            parts = [stack.enter_context(staged(path, overwrite=overwrite)) for path in outputs]
            layers = read_sources(console, sources, reading, outputs, failures=failures)
            if not layers:
                if console.json:
                    console.print_json({"failures": as_json(failures)})
                return report_failures(console, failures)
            found = summarise(
                layers,
                by,
                by_place=by_place,
                findings=_findings(console, layers, check, findings),
                changes=_changes(changes),
            )
            inputs = [*inputs_of(layers), *results]
            mapped = any(part.suffix.lower() in (".gpkg", ".html", ".htm") for part in parts)
            outlines = region_outlines(layers if mapped else {}, by)
            for part in parts:
                writer = _writers()[part.suffix.lower()]
                writer(part, found, outlines, lang=console.lang, inputs=inputs)
        for path in outputs:
            console.note(f"已写出 {path}", f"wrote {path}")
        if console.json:
            console.print_json(to_json(found, inputs) | {"failures": as_json(failures)})
        else:
            _show(console, found)
        return report_failures(console, failures)

    return summary


def _writers() -> dict[str, Any]:
    from yuxi_gis.export.summary import write_csv, write_geopackage_of, write_json
    from yuxi_gis.export.summary_book import write_workbook
    from yuxi_gis.export.summary_page import write_page

    return {
        ".xlsx": write_workbook,
        ".csv": write_csv,
        ".json": write_json,
        ".gpkg": write_geopackage_of,
        ".html": write_page,
        ".htm": write_page,
    }


def _require_known(paths: list[Path], check: bool, findings: Path | None) -> None:
    """Refuse what cannot be done, before any work."""
    known = _writers()
    for path in paths:
        if path.suffix.lower() not in known:
            endings = " ".join(known)
            raise ParameterError(
                f"{path}：不支持的输出格式。后缀可以是 {endings}。",
                f"{path}: unknown output format. The ending can be {endings}.",
            )
    if check and findings is not None:
        raise ParameterError(
            "--check 和 --findings 只能给一个。", "Give only one of --check and --findings."
        )


def _findings(
    console: Console, layers: dict[str, Any], check: bool, path: Path | None
) -> pd.DataFrame | None:
    """The findings of a run now, or those of an earlier one."""
    import pandas as pd

    if check:
        from yuxi_gis.checks import run_checks

        return run_checks(layers, progress=console.progress).findings
    if path is None:
        return None
    if path.suffix.lower() == ".json":
        try:
            table = pd.DataFrame(json.loads(path.read_text(encoding="utf-8"))["findings"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise _not_written_by(path, "check", error) from error
        table = table.drop(columns="geometry", errors="ignore")
        if table.empty:
            table = pd.DataFrame(columns=["layer", "feature", "severity"], dtype="str")
    else:
        table = _table(path, "findings", "check")
    if not {"layer", "feature", "severity"} <= set(table):
        raise _not_written_by(path, "check", "layer, feature, severity")
    return table


def _change_files(folder: Path | None) -> dict[str, Path]:
    """The results that a folder of ``yuxi-gis change`` has."""
    if folder is None:
        return {}
    files = {name: folder / f"{name}.gpkg" for name in ("patches", "parcels")}
    found = {name: path for name, path in files.items() if path.is_file()}
    if not found:
        raise SourceError(
            f"{folder}：没有 patches.gpkg 或 parcels.gpkg。请给出 yuxi-gis change 写出的文件夹。",
            f"{folder}: has no patches.gpkg or parcels.gpkg. Give a folder that yuxi-gis change "
            "wrote.",
        )
    return found


def _changes(folder: Path | None) -> dict[str, pd.DataFrame]:
    names = {"patches": "patches", "parcels": "changed_parcels"}
    tables = {
        name: _table(path, names[name], "change") for name, path in _change_files(folder).items()
    }
    for name, table in tables.items():
        if "kind" not in table or (name == "parcels" and not {"layer", "feature"} <= set(table)):
            raise _not_written_by(_change_files(folder)[name], "change", "kind, layer, feature")
    return tables


def _table(path: Path, layer: str | None, command: str) -> Any:
    """A table of a GeoPackage that this program wrote."""
    import pyogrio
    from pyogrio.errors import DataLayerError, DataSourceError

    try:
        return pyogrio.read_dataframe(path, layer=layer)
    except (DataLayerError, DataSourceError, OSError) as error:
        raise _not_written_by(path, command, error) from error


def _not_written_by(path: Path, command: str, why: object) -> SourceError:
    return SourceError(
        f"{path}：不是 yuxi-gis {command} 写出的结果（{why}）。",
        f"{path}: is no result of yuxi-gis {command} ({why}).",
    )


def _show(console: Console, summary: Summary) -> None:
    """Each layer by region, then the control areas and what has to be known."""
    from yuxi_gis.summary import RESULTS, office_table

    k = 0 if console.lang == "zh" else 1
    wanted = ("official_mu", "area_mu", "share")
    for layer, about in summary.layers.items():
        table = office_table(summary, layer, console.lang)
        console.say(about.titles[k])
        names = [c.key for c in table.columns]
        at = [0, 1, 2, *(names.index(name) for name in wanted if name in names)]
        if layer in RESULTS:  # their classes are the point
            at += [i for i, c in enumerate(table.columns) if c.key.endswith(" count")]
        heads = [" ".join(dict.fromkeys(_head(table.columns[i]))) for i in at]
        rows = [
            tuple(
                int(v) if table.columns[i].decimals == 0 else v
                for i, v in zip(at, row, strict=True)
            )
            for row in table.data[at].itertuples(index=False)
        ]
        console.table([tuple(heads), *rows])
    for row in summary.control.itertuples():
        console.say(
            console.t(
                f"控制面积 {row.region} {row.field} {row.control_m2:,.2f} 平方米，"
                f"图斑记载面积合计相差 {row.official_difference:+,.2f}，"
                f"图形面积合计相差 {row.area_difference:+,.2f}",
                f"control area {row.region} {row.field} {row.control_m2:,.2f} m²: recorded areas "
                f"differ by {row.official_difference:+,.2f}, measured ones by "
                f"{row.area_difference:+,.2f}",
            )
        )
    for note in summary.notes:
        console.say(note[k])


def _head(column: Any) -> list[str]:
    plain = column.key in ("region", "region_name", "count")
    return [column.title] if plain else [column.group, column.title]
