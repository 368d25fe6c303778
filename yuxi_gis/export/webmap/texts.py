"""The words of the page itself, in Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from yuxi_gis.errors import ParameterError

__all__ = ["LANGUAGES", "named", "texts"]

LANGUAGES = ("zh", "en")

_TEXTS: Mapping[str, tuple[str, str]] = {
    # Title bar and the box about the data
    "title": ("玉溪市农村土地一张图", "Rural land of Yuxi"),
    "about": ("数据说明", "About the data"),
    "about_layer": ("图层", "Layer"),
    "about_count": ("数量", "Features"),
    "about_source": ("来源文件", "Source file"),
    "about_crs": ("原坐标系", "Original CRS"),
    "about_unplaced": ("未绘出（无图形）", "Not drawn (no geometry)"),
    "about_made": ("制作时间", "Made"),
    "about_by": ("制作软件", "Made with"),
    "about_crs_page": ("页面坐标系", "CRS of this page"),
    "about_rounding": (
        "坐标取到 1e-7 度（约 1 厘米），只供查看，不供量测取证。",
        "Coordinates are rounded to 1e-7 degree (about 1 cm): for viewing, not for evidence.",
    ),
    "about_suspected": (
        "检查发现与变化均为疑似，须人工核实，不构成违法认定。",
        "Findings and changes are suspicions to be verified by people, never a verdict.",
    ),
    # Legend and layer control
    "legend": ("图层与图例", "Layers and legend"),
    "scenes": ("影像底图", "Imagery"),
    "no_scene": ("不显示", "None"),
    "before": ("前时相", "Before"),
    "after": ("后时相", "After"),
    "other": ("其他", "Other"),
    "seasonal": ("可能为季节变化", "possibly seasonal"),
    # Search and popup
    "search": ("按代码查找地块", "Find a parcel by its code"),
    "search_hint": (
        "输入地块代码、宗地代码等的任意一段",
        "Type any part of a parcel or cadastral code",
    ),
    "search_none": ("没有找到含有此代码的地块", "No parcel has this code"),
    "search_more": ("还有 {n} 个，请多输入几位", "{n} more: type more digits"),
    "also_here": ("此处还有", "Also here"),
    "close": ("关闭", "Close"),
    "north": ("北", "N"),
    "zoom_in": ("放大", "Zoom in"),
    "zoom_out": ("缩小", "Zoom out"),
    "noscript": (
        "本页需要启用 JavaScript 才能显示地图。",
        "This page needs JavaScript to show the map.",
    ),
    # Values
    "yes": ("是", "yes"),
    "no": ("否", "no"),
    "area_mu": ("面积（亩）", "Area (mu)"),
    # Results
    "findings": ("检查发现", "Findings"),
    "patches": ("疑似变化图斑", "Suspected changes"),
    "seasonal_patches": ("可能的季节变化", "Possibly seasonal changes"),
    "changed_parcels": ("疑似变化地块", "Parcels with suspected change"),
    "error": ("错误", "Error"),
    "warning": ("警告", "Warning"),
    "info": ("提示", "Notice"),
    "rule": ("规则", "Rule"),
    "severity": ("程度", "Severity"),
    "message": ("说明", "Message"),
    "layer": ("所在图层", "Layer"),
    "feature": ("地块代码", "Feature"),
    "other_layer": ("相关图层", "Other layer"),
    "other_feature": ("相关地块代码", "Other feature"),
    "value": ("实际值", "Value"),
    "limit": ("限值", "Limit"),
    "unit": ("单位", "Unit"),
    "area_m2": ("面积（m²）", "Area (m²)"),
    "JCBH": ("监测编号", "Patch number"),
    "kind": ("疑似变化类型", "Suspected kind of change"),
    "QSX": ("前时相", "Before"),
    "HSX": ("后时相", "After"),
    "XZQDM": ("行政区代码", "Region code"),
    "TBLX": ("图斑类型", "Patch type"),
    "is_seasonal": ("可能为季节变化", "Possibly seasonal"),
    "strength": ("变化强度", "Strength of change"),
    "pixels": ("像元数", "Pixels"),
    "changed_m2": ("变化面积（m²）", "Changed area (m²)"),
    "changed_mu": ("变化面积（亩）", "Changed area (mu)"),
    "changed_share": ("变化占地块比例", "Changed share of the parcel"),
    "seen_share": ("影像可见比例", "Share seen in both scenes"),
}


def texts(lang: str) -> dict[str, str]:
    """All texts in `lang` by key.

    Raises
    ------
    ParameterError
        `lang` is neither ``"zh"`` nor ``"en"``.
    """
    if lang not in LANGUAGES:
        raise ParameterError(
            f"语言 {lang!r} 不支持，请用 zh 或 en。", f"Language {lang!r} is unknown: use zh or en."
        )
    index = LANGUAGES.index(lang)
    return {key: pair[index] for key, pair in _TEXTS.items()}


def named(key: Any, words: Mapping[str, str]) -> str:
    """The word for an identifier such as a severity; the identifier itself where unknown."""
    return words.get(str(key), str(key))
