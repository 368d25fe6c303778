"""The ledger (台账) that a clerk hands on: findings as an XLSX workbook, one sheet a village."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import pandas as pd

from yuxi_gis.catalog import load_catalog
from yuxi_gis.checks import CheckResult
from yuxi_gis.checks.baseline import lon_lat, said
from yuxi_gis.codes import Masking
from yuxi_gis.crs import crs_name
from yuxi_gis.export.masking import mask_result
from yuxi_gis.export.provenance import Provenance, software
from yuxi_gis.export.spreadsheet import ROWS_A_SHEET, Book, Cells, Sheet, Style, sheet_title
from yuxi_gis.export.table import mended_of, rule_mend, rule_title, with_about
from yuxi_gis.findings import SEVERITIES
from yuxi_gis.outputs import staged
from yuxi_gis.regions import LEVELS, region_name

__all__ = ["HEADS", "SEVERITY", "STATE", "write_workbook"]

_MASKING = Masking()
#: What severities and states are called.
SEVERITY = {"error": ("错误", "error"), "warning": ("警告", "warning"), "info": ("提示", "info")}
STATE = {
    "new": ("新增", "new"),
    "remaining": ("仍存在", "remaining"),
    "mended": ("已整改", "mended"),
}

_STYLES = {
    "ledger plain": Style("General", frame=False),
    "ledger title": Style("General", bold=True, frame=False),
    "ledger head": Style(wrap=True, bold=True, fill="DDE8D8"),
    "ledger text": Style(),
    "ledger long text": Style(wrap=True),
    "ledger link": Style(colour="1F4E9E"),
    "ledger error": Style(fill="F8D9D3"),
    "ledger warning": Style(fill="FCEFC9"),
    "ledger info": Style(),
    "ledger remark": Style(wrap=True, fill="FFFBEA", locked=False),
    "ledger count": Style("0"),
    "ledger number": Style("General"),
    "ledger area": Style("0.00"),
    "ledger degrees": Style("0.000000"),
}


@dataclass(frozen=True)
class _Column:
    """A column of the ledger: its header in both languages, width and style."""

    zh: str
    en: str
    width: float
    style: str = "ledger text"


_COLUMNS = {
    "number": _Column("序号", "No.", 6, "ledger count"),
    "rule": _Column("规则", "Rule", 6),
    "title": _Column("检查项", "Check", 15, "ledger long text"),
    "severity": _Column("级别", "Severity", 8, "ledger severity"),
    "layer": _Column("图层", "Layer", 12, "ledger long text"),
    "feature": _Column("地块代码", "Parcel", 22),
    "other_layer": _Column("相关图层", "Other layer", 12, "ledger long text"),
    "other_feature": _Column("相关地块", "Other parcel", 22),
    "said": _Column("问题", "What is wrong", 46, "ledger long text"),
    "value": _Column("数值", "Value", 10, "ledger number"),
    "limit": _Column("限值", "Limit", 9, "ledger number"),
    "unit": _Column("单位", "Unit", 6),
    "area_m2": _Column("面积（m²）", "Area (m²)", 11, "ledger area"),
    "mend": _Column("处理方法", "How to mend it", 46, "ledger long text"),
    "state": _Column("状态", "State", 8),
    "remark": _Column("备注", "Remark", 28, "ledger remark"),
    "village": _Column("村（代码）", "Village (code)", 24, "ledger long text"),
    "lon": _Column("中心经度", "Longitude", 13, "ledger degrees"),
    "lat": _Column("中心纬度", "Latitude", 12, "ledger degrees"),
}
#: The ledger's headers by language and name of the column.
HEADS: Mapping[str, Mapping[str, str]] = {
    "zh": {name: column.zh for name, column in _COLUMNS.items()},
    "en": {name: column.en for name, column in _COLUMNS.items()},
}
_WIDTHS = [column.width for column in _COLUMNS.values()]
_PRINTED = list(_COLUMNS).index("remark") + 1

_OVERVIEW_WIDTHS = (24, 44, 26, 60)
_LISTED = ("ledger long text", "ledger long text", "ledger count", "ledger long text")
_OVERVIEW_HEADS = (
    (("图层", "Layer"), ("名称", "Title"), ("地块数", "Records"), ("坐标系", "CRS")),
    (("规则", "Rule"), ("检查项", "Check"), ("级别", "Severity"), ("问题数", "Findings")),
    (("未执行", "Not run"), ("检查项", "Check"), ("图层", "Layer"), ("原因", "Reason")),
)
_VILLAGE_HEADS = (
    ("工作表", "Sheet"),
    ("代码", "Code"),
    ("问题数", "Findings"),
    ("其中", "Of these"),
)


def write_workbook(
    path: str | os.PathLike[str],
    result: CheckResult,
    *,
    lang: str = "zh",
    masking: Masking = _MASKING,
    inputs: Iterable[object] = (),
    reading: Iterable[tuple[str, str]] = (),
    overwrite: bool = False,
) -> None:
    """Write the findings as a workbook: an overview, and the ledger with a sheet a village.

    Findings that no village is known of have a sheet of their own, and so have those of an earlier
    run that are mended. The column for remarks is the clerk's: `export.earlier.read_earlier` reads
    it back. Texts are never formulas, whatever the data says; codes stay text. More than a million
    findings of a village go on in further sheets.

    Parameters
    ----------
    path : path-like
        Of the XLSX file.
    result : CheckResult
    lang : {"zh", "en"}
        Of headers and messages.
    masking : Masking
        Which personal data are masked; by default all. The overview says so.
    inputs : iterable of path-like
        The files that were checked; the overview gives their names.
    reading : iterable of (str, str)
        What reading did to their coordinates (`provenance.reading_of`).
    overwrite : bool
        Replace an existing file.

    Raises
    ------
    OutputError
        `path` exists and `overwrite` is false, or it cannot be written.
    """
    k = 0 if lang == "zh" else 1
    result = mask_result(result, masking)
    provenance = Provenance.of(inputs, masking, reading)
    overview = ("概况", "Overview")[k]
    parts = list(_parts(result, k, taken={overview.casefold()}))
    with staged(path, overwrite=overwrite) as target:
        book = Book(_STYLES)
        _overview(book.sheet(overview, _OVERVIEW_WIDTHS), result, provenance, parts, k)
        for part in parts:
            sheet = book.sheet(part.title, _WIDTHS)
            sheet.sheet.oddHeader.center.text = f"{part.title} {part.code}".replace("&", "&&")
            cells = _cells(part.findings, result, k)
            sheet.table(list(HEADS[lang].values()), cells, "ledger head", printed=_PRINTED)
        book.save(target)


@dataclass(frozen=True)
class _Part:
    """A sheet of findings: of the village `code`, or ``""``."""

    title: str
    code: str
    findings: gpd.GeoDataFrame


def _parts(result: CheckResult, k: int, taken: set[str]) -> Iterator[_Part]:
    """The findings sheet by sheet: villages by code, those without a village, the mended ones."""
    table = with_about(result)
    village = table["region"].where(table["region"].str.len() == LEVELS["village"], "")
    codes = sorted(set(village) - {""})
    names = {code: region_name(code) for code in codes}
    twins = {name for name, times in Counter(names.values()).items() if times > 1}
    groups = [
        (f"{name} {code}" if name in twins else name, code, table[village == code])
        for code, name in names.items()
    ]
    groups += [
        (("未分村", "No village")[k], "", table[village == ""]),
        (STATE["mended"][k].capitalize(), "", mended_of(result)),
    ]
    for name, code, rows in groups:
        for start in range(0, len(rows), ROWS_A_SHEET):
            number = f" {start // ROWS_A_SHEET + 1}" if start else ""
            title = sheet_title(name + number, taken)
            yield _Part(title, code, rows.iloc[start : start + ROWS_A_SHEET])


def _cells(table: gpd.GeoDataFrame, result: CheckResult, k: int) -> list[Cells]:
    """The columns of the ledger."""
    lang = ("zh", "en")[k]
    titles = _layer_titles(result, lang)
    rules = table["rule"].drop_duplicates()
    lon, lat = lon_lat(table)
    columns = {
        "number": pd.Series(range(1, len(table) + 1), dtype="int64"),
        "title": table["rule"].map({id: rule_title(id, lang) for id in rules}),
        "severity": table["severity"].map({name: words[k] for name, words in SEVERITY.items()}),
        "layer": _titled(table["layer"], titles),
        "other_layer": _titled(table["other_layer"], titles),
        "said": said(table, lang),
        "mend": table["rule"].map({id: rule_mend(id, lang) for id in rules}),
        "state": table["state"].map({name: words[k] for name, words in STATE.items()}).fillna(""),
        "village": table["region"].map({code: _named(code) for code in set(table["region"])}),
        "lon": lon,
        "lat": lat,
    }
    severities = {words[k]: f"ledger {name}" for name, words in SEVERITY.items()}
    return [
        Cells(
            columns[name] if name in columns else table[name],
            severities if name == "severity" else column.style,
        )
        for name, column in _COLUMNS.items()
    ]


def _layer_titles(result: CheckResult, lang: str) -> dict[str, str]:
    """The titles of all layers, the checked ones and the others."""
    specs = load_catalog() | {name: layer.spec for name, layer in result.layers.items()}
    return {name: spec.title(lang) for name, spec in specs.items()}


def _titled(layers: pd.Series, titles: Mapping[str, str]) -> pd.Series:
    """Layers by their titles."""
    return layers.map({id: titles.get(id, id) for id in set(layers)}).astype("str")


def _named(code: str) -> str:
    return code if region_name(code) == code else f"{region_name(code)} {code}"


def _overview(
    sheet: Sheet, result: CheckResult, provenance: Provenance, parts: Sequence[_Part], k: int
) -> None:
    sheet.append([("检查结果概况", "Result of the checks")[k]], ["ledger title"])
    note = (
        "由软件自动检查得出；“疑似”只是线索，须核实后由主管部门认定。",
        "Found by automatic checks. What is suspected is a hint to be verified, not a verdict.",
    )
    sheet.append([note[k]], ["ledger plain"])
    for fact in _facts(result, provenance, k):
        sheet.append(fact, ["ledger plain"] * 2)
    sheet.append([""], ["ledger plain"])
    sheet.append([words[k] for words in _VILLAGE_HEADS], ["ledger head"] * 4)
    for part in parts:
        row = (part.title, part.code, len(part.findings), _counted(part.findings["severity"], k))
        sheet.append(row, ("ledger link", *_LISTED[1:]), link=part.title)
    if not parts:
        sheet.append([("无", "none")[k]], _LISTED)
    for head, rows in zip(_OVERVIEW_HEADS, _tables(result, k), strict=True):
        sheet.append([""], ["ledger plain"])
        sheet.append([words[k] for words in head], ["ledger head"] * 4)
        for entry in rows or [(("无", "none")[k],)]:
            sheet.append(entry, _LISTED)


def _facts(result: CheckResult, provenance: Provenance, k: int) -> Iterator[tuple[str, str]]:
    """What there is to know of the run, each under its name."""
    lang = ("zh", "en")[k]
    yield ("检查方案", "Profile")[k], f"{result.profile.title(lang)} ({result.profile})"
    yield ("输入文件", "Input files")[k], ("、", ", ")[k].join(provenance.inputs)
    for line in provenance.reading:
        yield ("读取时", "On reading")[k], line[k]
    made = provenance.made.astimezone()
    yield ("制作", "Made")[k], f"{software()}  {made:%Y-%m-%d %H:%M %z}"
    yield ("个人信息", "Personal data")[k], provenance.masking.text(lang)
    counted = _counted(result.findings["severity"], k) or ("无", "none")[k]
    yield ("问题", "Findings")[k], f"{len(result.findings)}: {counted}"
    states = result.about["state"].value_counts()
    if states.drop("", errors="ignore").any() or len(result.mended):
        told = {**states, "mended": len(result.mended)}
        text = ("，", ", ")[k].join(f"{STATE[s][k]} {told.get(s, 0)}" for s in STATE)
        yield ("与上次相比", "Since last time")[k], text


def _counted(severities: pd.Series, k: int) -> str:
    counts = severities.value_counts()
    return ("，", ", ")[k].join(
        f"{SEVERITY[name][k]} {counts[name]}" for name in SEVERITIES if name in counts
    )


def _tables(result: CheckResult, k: int) -> tuple[list[tuple[Any, ...]], ...]:
    """Layers, counts by rule, and what did not run."""
    lang = ("zh", "en")[k]
    layers = [
        (layer.spec.name, layer.spec.title(lang), layer.count, crs_name(layer.crs))
        for layer in result.layers.values()
    ]
    counts = Counter(zip(result.findings["rule"], result.findings["severity"], strict=True))
    found = [
        (rule, rule_title(rule, lang), SEVERITY[severity][k], number)
        for (rule, severity), number in sorted(counts.items())
    ]
    return layers, found, list(_skipped(result, lang))


def _skipped(result: CheckResult, lang: str) -> Iterator[tuple[str, str, str, str]]:
    """What did not run, a row a layer and reason."""
    titles = _layer_titles(result, lang)
    rules: dict[tuple[str, str], list[str]] = {}
    for run in result.not_run:
        rules.setdefault((run.layer, run.reason(lang)), []).append(run.rule)
    # Layers that were not given at all come last.
    for (layer, reason), ids in sorted(rules.items(), key=lambda e: e[0][0] not in result.layers):
        ids = list(dict.fromkeys(ids))
        named = ("、" if lang == "zh" else ", ").join(rule_title(id, lang) for id in ids)
        yield " ".join(ids), named, titles.get(layer, layer), reason
