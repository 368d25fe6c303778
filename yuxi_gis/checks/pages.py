"""The pages of rules: for the terminal, as JSON, and as the folder docs/rules."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from yuxi_gis.checks.profile import Parameter, Profile, load_profile
from yuxi_gis.checks.registry import CONFIDENCES, FAMILIES, SECTIONS, Rule

__all__ = ["rule_as_json", "rule_page", "write_pages"]

_SEVERITY = {"error": ("错误", "error"), "warning": ("警告", "warning"), "info": ("提示", "info")}
_LANGS = ("zh", "en")


def rule_page(rule: Rule, lang: str = "zh", profile: Profile | None = None) -> str:
    """The page of `rule` in `lang` as Markdown that also reads well as plain text.

    Parameters
    ----------
    rule : Rule
    lang : {"zh", "en"}
    profile : Profile, optional
        Whose values to tell; by default the built-in ``"standard"``.
    """
    profile = load_profile() if profile is None else profile
    k = _LANGS.index(lang)
    facts = _facts(rule, k)
    lines = [f"# {rule.id} {rule.title(lang)}", "", (" · ").join(facts), ""]
    for key, labels in SECTIONS.items():
        lines += [f"## {labels[k]}", "", rule.page(lang)[key], ""]
    if rule.parameters:
        lines += [f"## {('参数', 'Parameters')[k]} ({profile})", ""]
        lines += [_parameter(name, profile.parameters[name], k) for name in rule.parameters]
        lines.append("")
    return "\n".join(lines)


def rule_as_json(rule: Rule) -> dict[str, Any]:
    """`rule` as plain data: what its page says, in both languages."""
    return {
        "id": rule.id,
        "family": FAMILIES[rule.family][1],
        "severity": rule.severity,
        "confidence": rule.confidence,
        "title_zh": rule.title_zh,
        "title_en": rule.title_en,
        "on": rule.on,
        "layers": list(rule.layers),
        "needs": list(rule.needs),
        "fields": list(rule.fields),
        "parameters": list(rule.parameters),
        "page": {lang: dict(rule.page(lang)) for lang in _LANGS},
    }


def write_pages(folder: Path, rules: Mapping[str, Rule]) -> list[Path]:
    """Write one Markdown page a rule, Chinese then English, and ``index.md``.

    Pages of rules that are no more are removed, so that the folder equals the code.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pages = {
        f"{id}.md": "\n".join(rule_page(rule, lang) for lang in _LANGS)
        for id, rule in rules.items()
    }
    pages["index.md"] = _index(rules)
    for stale in set(folder.glob("*.md")) - {folder / name for name in pages}:
        stale.unlink()
    for name, text in pages.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    return sorted(folder / name for name in pages)


def _facts(rule: Rule, k: int) -> list[str]:
    every = ("所有图层", "every layer")[k]
    return [
        f"{('类别', 'family')[k]}: {FAMILIES[rule.family][k]}",
        f"{('级别', 'severity')[k]}: {_SEVERITY[rule.severity][k]}",
        f"{('图层', 'layers')[k]}: {', '.join(rule.layers) or every}",
        f"{('依据可靠性', 'confidence')[k]}: {CONFIDENCES[rule.confidence][k]}",
    ]


def _parameter(name: str, parameter: Parameter, k: int) -> str:
    value = parameter.value
    told = ", ".join(map(str, value)) if isinstance(value, tuple) else f"{value:g}"
    sure = (("未核实", "unverified"), ("已核实", "verified"))[parameter.verified][k]
    return f"- `{name}` = {told} {parameter.unit} ({sure}): {parameter.source}"


def _index(rules: Mapping[str, Rule]) -> str:
    lines = ["# 检查规则 · Rules", "", "| ID | 名称 | Title | 级别 Severity |", "|---|---|---|---|"]
    lines += [
        f"| [{id}]({id}.md) | {rule.title_zh} | {rule.title_en} | "
        f"{_SEVERITY[rule.severity][0]} {rule.severity} |"
        for id, rule in rules.items()
    ]
    return "\n".join([*lines, ""])
