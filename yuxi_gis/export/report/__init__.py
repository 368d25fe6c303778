"""The printable report: one HTML file with a chapter a rule and a picture of each kind of fault."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from html import escape
from importlib.resources import files

import geopandas as gpd
import numpy as np
import pandas as pd

from yuxi_gis.checks import RULES, CheckResult
from yuxi_gis.checks.baseline import said
from yuxi_gis.checks.subject import Subject
from yuxi_gis.codes import Masking
from yuxi_gis.crs import crs_name
from yuxi_gis.export.masking import mask_result
from yuxi_gis.export.provenance import Provenance, inputs_of, reading_of, software
from yuxi_gis.export.report.picture import Ground, picture
from yuxi_gis.export.table import rule_mend, rule_title, with_about
from yuxi_gis.export.workbook import SEVERITY, STATE
from yuxi_gis.findings import SEVERITIES, plain
from yuxi_gis.outputs import staged
from yuxi_gis.read import SpooledLayer
from yuxi_gis.regions import LEVELS, region_name

__all__ = ["write_report"]

_MASKING = Masking()
_SHOWN = 20  # findings of a rule
_VILLAGES = 30  # villages of a rule
_SUSPICION = (
    "由软件自动检查得出；“疑似”只是线索，须核实后由主管部门认定。",
    "Found by automatic checks. What is suspected is a hint to be verified, not a verdict.",
)
_HEADS = (
    ("序号", "No."),
    ("图层", "Layer"),
    ("地块代码", "Parcel"),
    ("问题", "What is wrong"),
    ("数值", "Value"),
    ("限值", "Limit"),
    ("村", "Village"),
    ("状态", "State"),
    ("备注", "Remark"),
)


Layers = Mapping[str, pd.DataFrame] | Mapping[str, SpooledLayer]


def write_report(
    path: str | os.PathLike[str],
    result: CheckResult,
    layers: Layers,
    *,
    lang: str = "zh",
    masking: Masking = _MASKING,
    inputs: Iterable[object] | None = None,
    reading: Iterable[tuple[str, str]] | None = None,
    overwrite: bool = False,
) -> None:
    """Write the report: one file, for A4, that loads nothing from anywhere and runs no script.

    A summary, then a chapter for each rule that found something: why it matters, how to mend it,
    the worst finding as a picture, the count by village, and the first findings.

    Parameters
    ----------
    path : path-like
        Of the HTML file.
    result : CheckResult
    layers : mapping of str to GeoDataFrame or DataFrame
        What was checked, by layer id: the pictures are drawn from it.
    lang : {"zh", "en"}
    masking : Masking
        Which personal data are masked; by default all.
    inputs : iterable of path-like, optional
        The files that were checked, by default those that the layers' ``attrs`` name.
    reading : iterable of (str, str), optional
        What reading did to their coordinates, by default what the layers' ``attrs`` say.
    overwrite : bool
        Replace an existing file.

    Raises
    ------
    OutputError
        `path` exists and `overwrite` is false, or it cannot be written.
    """
    provenance = Provenance.of(
        inputs_of(layers) if inputs is None else inputs,
        masking,
        reading_of(layers) if reading is None else reading,
    )
    masked = mask_result(result, masking)
    page = _Page(masked, lang)
    drawn = _pictures(result, masked, layers, lang)
    body = "\n".join(page.body(provenance, drawn))
    # Half a surrogate pair, which only damaged data have, is nothing that UTF-8 knows.
    text = _document(
        page.t("农村土地数据检查报告", "Report on the checks of rural land data"), body, lang
    )
    with staged(path, overwrite=overwrite) as target:
        target.write_bytes(text.encode("utf-8", "replace"))


@cache
def _style() -> str:
    return (files("yuxi_gis.export.report") / "report.css").read_text(encoding="utf-8")


def _document(title: str, body: str, lang: str) -> str:
    digest = base64.b64encode(hashlib.sha256(_style().encode("utf-8")).digest()).decode("ascii")
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return (
        f'<!DOCTYPE html>\n<html lang="{"zh-CN" if lang == "zh" else "en"}">\n<head>\n'
        f'<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{escape(title)}</title>\n'
        f"<style>{_style()}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n{body}\n"
        f"</body>\n</html>\n"
    )


def _e(value: object) -> str:
    """A text as HTML shows it: no control character, nothing that is markup."""
    return escape(plain(str(value)))


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "") -> str:
    """A table; `rows` are whole ``<td>`` elements."""
    head = "".join(f"<th>{_e(text)}</th>" for text in heads)
    body = "\n".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f'<table class="{kind}"><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>'


def _td(value: object, kind: str = "") -> str:
    return f'<td class="{kind}">{_e(value)}</td>' if kind else f"<td>{_e(value)}</td>"


class _Page:
    """The parts of the report in one language."""

    def __init__(self, result: CheckResult, lang: str) -> None:
        self.result = result
        self.lang = lang
        self.k = 0 if lang == "zh" else 1
        table = with_about(result)
        region = table["region"]
        whole = region.str.len() == LEVELS["village"]
        names = {code: region_name(code) for code in set(region)}
        self.table = pd.DataFrame(table).assign(
            said=said(table, lang),
            village=region.map(names).where(whole, self.t("未分村", "no village")),
        )
        self.titles = {id: layer.spec.title(lang) for id, layer in result.layers.items()}

    def t(self, zh: str, en: str) -> str:
        """The text in the report's language."""
        return (zh, en)[self.k]

    def body(self, provenance: Provenance, drawn: Mapping[str, str]) -> Iterator[str]:
        """All parts in their order."""
        yield f'<p class="hint">{_e(_SUSPICION[self.k])}</p>'
        yield self._facts(provenance)
        yield f"<h2>{self.t('总表', 'Summary')}</h2>"
        yield self._summary()
        for id, severity in self._rules():
            rows = self.table[self.table["rule"] == id]
            yield from self._chapter(id, severity, rows, drawn.get(id))
        if len(self.result.mended):
            yield from self._mended()
        yield from self._not_run()
        yield self._signatures()

    def _facts(self, provenance: Provenance) -> str:
        """Where the report comes from."""
        profile = self.result.profile
        layers = [
            f"{layer.spec.title(self.lang)} {layer.count}"
            + (f" ({crs_name(layer.crs)})" if layer.crs is not None else "")
            for layer in self.result.layers.values()
        ]
        made = provenance.made.astimezone()
        rows = [
            (self.t("检查方案", "Profile"), f"{profile.title(self.lang)} ({profile})"),
            (self.t("输入文件", "Input files"), self.t("、", ", ").join(provenance.inputs)),
            (self.t("图层", "Layers"), self.t("；", "; ").join(layers)),
            *((self.t("读取时", "On reading"), line[self.k]) for line in provenance.reading),
            (self.t("制作", "Made"), f"{software()}  {made:%Y-%m-%d %H:%M}"),
            (self.t("个人信息", "Personal data"), provenance.masking.text(self.lang)),
        ]
        body = "".join(f"<tr><th>{_e(name)}</th>{_td(value)}</tr>" for name, value in rows)
        return f'<table class="facts"><tbody>{body}</tbody></table>'

    def _rules(self) -> list[tuple[str, str]]:
        """The rules that found something, with the gravest severity, the gravest first."""
        rank = self.table["severity"].map({name: i for i, name in enumerate(SEVERITIES)})
        worst = rank.groupby(self.table["rule"]).min().astype(int)
        return [(str(id), SEVERITIES[i]) for id, i in sorted(worst.items(), key=lambda x: x[::-1])]

    def _summary(self) -> str:
        """Totals by severity and state, then a row a rule."""
        severities = self.table["severity"].value_counts()
        told = [f"{SEVERITY[s][self.k]} {severities.get(s, 0)}" for s in SEVERITIES]
        total = self.t(f"共 {len(self.table)} 个问题：", f"{len(self.table)} findings: ")
        text = total + self.t("，", ", ").join(told) + self.t("。", ".")
        states = self.table["state"].value_counts()
        if states.drop("", errors="ignore").any() or len(self.result.mended):
            counts = {**states, "mended": len(self.result.mended)}
            parts = [f"{STATE[s][self.k]} {counts.get(s, 0)}" for s in STATE]
            text += self.t("与上次相比：", " Since last time: ") + self.t("，", ", ").join(parts)
        heads = [self.t(*words) for words in (("规则", "Rule"), ("检查项", "Check"))]
        heads += [
            self.t("级别", "Severity"),
            self.t("问题数", "Findings"),
            self.t("村数", "Villages"),
        ]
        rows = []
        for id, severity in self._rules():
            of = self.table[self.table["rule"] == id]
            villages = of["region"][of["region"].str.len() == LEVELS["village"]].nunique()
            link = f'<td><a href="#{_e(id)}">{_e(id)}</a></td>'
            rows.append(
                (link, _td(rule_title(id, self.lang)), _td(SEVERITY[severity][self.k], severity),
                 _td(len(of), "number"), _td(villages, "number"))
            )  # fmt: skip
        return f"<p>{_e(text)}</p>" + (_table(heads, rows) if rows else "")

    def _chapter(
        self, id: str, severity: str, rows: pd.DataFrame, drawn: str | None
    ) -> Iterator[str]:
        """One rule: why, how to mend it, a picture, villages, the first findings."""
        count = self.t(f"{len(rows)} 个", f"{len(rows)} findings")
        word = SEVERITY[severity][self.k]
        title = rule_title(id, self.lang)
        yield f'<h2 id="{_e(id)}">{_e(id)} {_e(title)} ({_e(word)}, {_e(count)})</h2>'
        if id in RULES:
            why = RULES[id].page(self.lang)["why"]
            mend = rule_mend(id, self.lang)
            yield f"<p><b>{self.t('为什么：', 'Why it matters: ')}</b>{_e(why)}</p>"
            yield f"<p><b>{self.t('怎样改：', 'How to mend it: ')}</b>{_e(mend)}</p>"
        yield drawn or ""
        villages = rows["village"].value_counts()
        if len(villages) > 1:
            told = [f"{name} {number}" for name, number in villages.head(_VILLAGES).items()]
            rest = int(villages.iloc[_VILLAGES:].sum())
            told += [self.t(f"其他村 {rest}", f"others {rest}")] if rest else []
            by = self.t("按村：", "By village: ")
            yield f"<p><b>{by}</b>{_e(self.t('；', '; ').join(told))}</p>"
        yield self._listed(rows)

    def _listed(self, rows: pd.DataFrame) -> str:
        """The first findings, without the columns that are empty in all of them."""
        first = rows.head(_SHOWN).reset_index(drop=True)
        several = rows["village"].nunique() > 1
        cells = {
            0: [_td(number, "number") for number in range(1, len(first) + 1)],
            1: [_td(self.titles.get(layer, layer)) for layer in first["layer"]],
            2: [_td(feature, "code") for feature in first["feature"]],
            3: [_td(text) for text in first["said"]],
            4: [
                _td(_amount(*pair), "number")
                for pair in zip(first["value"], first["unit"], strict=True)
            ],
            5: [
                _td(_amount(*pair), "number")
                for pair in zip(first["limit"], first["unit"], strict=True)
            ],
            6: [_td(village if several else "") for village in first["village"]],
            7: [_td(STATE[s][self.k] if s in STATE else "") for s in first["state"]],
            8: [_td(remark) for remark in first["remark"]],
        }
        shown = [
            n for n, column in cells.items() if any(not cell.endswith("></td>") for cell in column)
        ]
        heads = [self.t(*_HEADS[n]) for n in shown]
        table = _table(heads, zip(*(cells[n] for n in shown), strict=True), "findings")
        if len(rows) > len(first):
            more = self.t(
                f"只列出前 {_SHOWN} 个，全部见台账（.xlsx）。",
                f"Only the first {_SHOWN} are listed; the workbook (.xlsx) has all.",
            )
            table += f"<p>{_e(more)}</p>"
        return table

    def _mended(self) -> Iterator[str]:
        mended = self.result.mended
        yield f"<h2>{self.t('已整改', 'Mended')} ({len(mended)})</h2>"
        counts = mended["rule"].value_counts().sort_index()
        rows = [
            (_td(id), _td(rule_title(str(id), self.lang)), _td(number, "number"))
            for id, number in counts.items()
        ]
        heads = (("规则", "Rule"), ("检查项", "Check"), ("已整改", "Mended"))
        yield _table([self.t(*words) for words in heads], rows)

    def _not_run(self) -> Iterator[str]:
        """What could not be judged, by reason."""
        if not self.result.not_run:
            return
        yield f"<h2>{self.t('未执行的检查', 'Checks that did not run')}</h2>"
        reasons: dict[str, dict[str, None]] = {}
        absent: dict[str, None] = {}
        missing = self.t("没有给出的图层：", "Layers not given: ")
        for skipped in self.result.not_run:
            if skipped.layer and skipped.layer not in self.titles:
                absent[skipped.layer] = None
                reasons.setdefault(missing, {})[skipped.rule] = None
                continue
            layer = self.titles.get(skipped.layer, skipped.layer)
            where = f"{layer}{self.t('：', ': ')}" if layer else ""
            reasons.setdefault(where + skipped.reason(self.lang), {})[skipped.rule] = None
        if absent:
            reasons[missing + self.t("、", ", ").join(absent)] = reasons.pop(missing)
        heads = (self.t("原因", "Reason"), self.t("规则", "Rules"))
        yield _table(heads, [(_td(why), _td(" ".join(ids))) for why, ids in reasons.items()])

    def _signatures(self) -> str:
        who = (("检查人：", "Checked by: "), ("复核人：", "Reviewed by: "), ("日期：", "Date: "))
        return f'<div class="sign">{"".join(f"<span>{self.t(*w)}</span>" for w in who)}</div>'


def _amount(value: float, unit: str) -> str:
    return "" if value != value else f"{value:.6g} {unit}".rstrip()


def _pictures(
    result: CheckResult,
    masked: CheckResult,
    layers: Layers,
    lang: str,
) -> dict[str, str]:
    """A figure of the worst finding of each rule that can be drawn, by rule."""
    worst = _worst(result.findings)
    involved = {*worst["layer"], *worst["other_layer"]} & set(result.layers)
    grounds = {}
    for id in sorted(involved):
        there = layers.get(id)
        frame = there.frame if isinstance(there, SpooledLayer) else there
        if isinstance(frame, gpd.GeoDataFrame) and frame.active_geometry_name is not None:
            shapes = there.shapes if isinstance(there, SpooledLayer) else None
            subject = Subject(frame, result.layers[id].spec, result.profile, {})
            grounds[id] = Ground.of(frame, subject.feature, shapes)
    titles = {id: layer.spec.title(lang) for id, layer in result.layers.items()}
    figures = {}
    records = worst.drop(columns="geometry").to_dict("records")
    places = np.asarray(worst.geometry.array)
    for index, row, place in zip(worst.index, records, places, strict=True):
        names = masked.findings.loc[index]
        labels = (str(names["feature"]), str(names["other_feature"]))
        layer = titles.get(str(row["layer"]), str(row["layer"]))
        caption = plain(f"{layer} {labels[0]}")
        drawn = picture(row, place, worst.crs, grounds, labels=labels, title=caption)
        if drawn is not None:
            note = ("；红色为问题位置", "; the fault is red")[lang == "en"]
            example = ("图例：", "Example: ")[lang == "en"]
            figures[str(row["rule"])] = (
                f"<figure>{drawn}<figcaption>{_e(example + caption + note)}</figcaption></figure>"
            )
    return figures


def _worst(findings: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """One finding a rule: a parcel's, with a place, the gravest and farthest beyond its limit."""
    beyond = (findings["value"] / findings["limit"].where(findings["limit"] > 0, 1.0)).abs()
    rank = pd.DataFrame(
        {
            "rule": findings["rule"],
            "unplaced": findings.geometry.isna(),
            "nameless": findings["feature"] == "",
            "severity": findings["severity"].map({name: i for i, name in enumerate(SEVERITIES)}),
            "beyond": -beyond.fillna(0.0),
        },
        index=findings.index,
    ).sort_values(["rule", "unplaced", "nameless", "severity", "beyond"], kind="stable")
    return findings.loc[rank.drop_duplicates("rule").index]
