"""Findings as SARIF 2.1.0 (OASIS), the format in which analysis tools hand results to others."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

import geopandas as gpd

from yuxi_gis.checks import CheckResult, NotRun, Rule
from yuxi_gis.checks.baseline import lon_lat
from yuxi_gis.checks.run import RULES
from yuxi_gis.codes import Masking
from yuxi_gis.export.masking import mask_result
from yuxi_gis.export.provenance import Provenance, file_name, software
from yuxi_gis.export.table import mended_of, with_about
from yuxi_gis.outputs import staged

__all__ = ["to_sarif", "write_sarif"]

_MASKING = Masking()
_LEVELS = {"error": "error", "warning": "warning", "info": "note"}
_BASELINE = {"new": "new", "remaining": "unchanged", "mended": "absent"}
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def write_sarif(
    path: str | os.PathLike[str],
    result: CheckResult,
    *,
    lang: str = "zh",
    masking: Masking = _MASKING,
    inputs: Iterable[object] = (),
    reading: Iterable[tuple[str, str]] = (),
    sources: Mapping[str, str] | None = None,
    overwrite: bool = False,
) -> None:
    """Write what `to_sarif` returns as UTF-8.

    Raises
    ------
    OutputError
        `path` exists and `overwrite` is false, or it cannot be written.
    """
    log = to_sarif(
        result, lang=lang, masking=masking, inputs=inputs, reading=reading, sources=sources
    )
    with staged(path, overwrite=overwrite) as target:
        text = json.dumps(log, ensure_ascii=False, indent=1, allow_nan=False)
        target.write_text(text + "\n", encoding="utf-8")


def to_sarif(
    result: CheckResult,
    *,
    lang: str = "zh",
    masking: Masking = _MASKING,
    inputs: Iterable[object] = (),
    reading: Iterable[tuple[str, str]] = (),
    sources: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The result as a SARIF 2.1.0 log with one run.

    Parameters
    ----------
    result : CheckResult
    lang : {"zh", "en"}
        Of the messages and of the texts on rules; results carry the other language as a property.
    masking : Masking
        Which personal data are masked; by default all.
    inputs : iterable of path-like
        The files that were checked; only their names are said.
    reading : iterable of (str, str)
        What reading did to their coordinates (`provenance.reading_of`).
    sources : mapping of str to str, optional
        The file of each layer, by layer id; findings of other layers name no file.

    Returns
    -------
    dict
        A result's ``locations`` name the file, the layer and the parcel; ``baselineState`` is there
        after `baseline.compare`; ``partialFingerprints`` stay the same from run to run; what was
        not run stands in the invocation's ``toolConfigurationNotifications``.
    """
    result = mask_result(result, masking)
    provenance = Provenance.of(inputs, masking, reading)
    tables = [with_about(result), mended_of(result)]
    ids = sorted(set(RULES).union(*(table["rule"] for table in tables)))
    index = {id: number for number, id in enumerate(ids)}
    files = {layer: file_name(path) for layer, path in (sources or {}).items()}
    run = {
        "tool": {"driver": _driver(ids, lang)},
        "language": {"zh": "zh-CN", "en": "en-US"}[lang],
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(result, provenance, index, lang)],
        "artifacts": [{"location": {"uri": quote(name)}} for name in provenance.inputs],
        "results": [
            entry for table in tables for entry in _results(table, result, index, files, lang)
        ],
        "properties": {
            "profile": {"id": result.profile.id, "version": result.profile.version},
            "provenance": provenance.as_json(),
        },
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _driver(ids: list[str], lang: str) -> dict[str, Any]:
    name, _, number = software().partition(" ")
    driver: dict[str, Any] = {"name": name, "rules": []}
    if number:
        driver |= {"version": number, "semanticVersion": number}
    driver["rules"] = [_rule(RULES[id], lang) if id in RULES else {"id": id} for id in ids]
    return driver


def _rule(rule: Rule, lang: str) -> dict[str, Any]:
    page = rule.page(lang)
    return {
        "id": rule.id,
        "name": rule.title(lang),
        "shortDescription": {"text": rule.title(lang)},
        "fullDescription": {"text": page["finds"]},
        "help": {"text": "\n\n".join((page["why"], page["mend"], page["example"]))},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"source": page["source"], "confidence": rule.confidence},
    }


def _invocation(
    result: CheckResult, provenance: Provenance, index: Mapping[str, int], lang: str
) -> dict[str, Any]:
    return {
        # A file that cannot be read is a finding without a layer.
        "executionSuccessful": not (result.findings["layer"] == "").any(),
        "endTimeUtc": provenance.made.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "toolConfigurationNotifications": [_skipped(n, index, lang) for n in result.not_run],
    }


def _skipped(skipped: NotRun, index: Mapping[str, int], lang: str) -> dict[str, Any]:
    rule: dict[str, Any] = {"id": skipped.rule}
    if skipped.rule in index:
        rule["index"] = index[skipped.rule]
    other = {"zh": skipped.reason_en, "en": skipped.reason_zh}[lang]
    return {
        "level": "note",
        "message": {"text": skipped.reason(lang)},
        "associatedRule": rule,
        "properties": {"layer": skipped.layer, _other("reason", lang): other},
    }


def _other(name: str, lang: str) -> str:
    return f"{name}_{'en' if lang == 'zh' else 'zh'}"


def _results(
    table: gpd.GeoDataFrame,
    result: CheckResult,
    index: Mapping[str, int],
    files: Mapping[str, str],
    lang: str,
) -> Iterator[dict[str, Any]]:
    titles = {name: layer.spec.title(lang) for name, layer in result.layers.items()}
    lon, lat = lon_lat(table)
    told = table.drop(columns="geometry").assign(lon=lon, lat=lat).to_dict("records")
    for row, print_ in zip(told, _fingerprints(table), strict=True):
        entry: dict[str, Any] = {
            "ruleId": row["rule"],
            "ruleIndex": index[row["rule"]],
            "level": _LEVELS[row["severity"]],
            "message": {"text": row[f"message_{lang}"]},
            "locations": [_location(row["layer"], row["feature"], files, titles)],
            "partialFingerprints": {"fault/v1": print_},
            "properties": _properties(row, lang),
        }
        if row["other_feature"]:
            other = _location(row["other_layer"], row["other_feature"], files, titles)
            entry["relatedLocations"] = [{"id": 1, **other}]
        if row["state"]:
            entry["baselineState"] = _BASELINE[row["state"]]
        yield entry


def _location(
    layer: str, feature: str, files: Mapping[str, str], titles: Mapping[str, str]
) -> dict[str, Any]:
    names = [name for name in (layer, feature) if name]
    place: dict[str, Any] = {
        "logicalLocations": [
            {
                "name": names[-1] if names else "",
                "fullyQualifiedName": "/".join(names),
                "kind": "element" if feature else "module",
                "properties": {"layer": layer, "title": titles.get(layer, layer)},
            }
        ]
    }
    if layer in files:
        place["physicalLocation"] = {"artifactLocation": {"uri": quote(files[layer])}}
    return place


def _properties(row: Mapping[str, Any], lang: str) -> dict[str, Any]:
    """What is known beside: numbers that are there, texts that say something."""
    names = ("value", "limit", "unit", "area_m2", "lon", "lat", "region", "remark")
    other = _other("message", lang)
    values = {name: row[name] for name in (*names, other)}
    return {name: value for name, value in values.items() if value == value and value != ""}


def _fingerprints(table: gpd.GeoDataFrame) -> list[str]:
    """What stays the same of a finding from run to run; several of one parcel are numbered."""
    named = zip(
        *(table[name] for name in ("rule", "layer", "feature", "other_layer", "other_feature")),
        strict=True,
    )
    seen: Counter[str] = Counter()
    prints = []
    for names in named:
        key = "\0".join(names)
        seen[key] += 1
        text = f"{key}\0{seen[key]}".encode("utf-8", "replace")
        prints.append(hashlib.sha256(text).hexdigest()[:32])
    return prints
