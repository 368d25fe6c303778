"""The words of the page itself, in Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from yuxi_gis.errors import ParameterError

__all__ = ["LANGUAGES", "all_texts", "both", "named", "texts"]

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
        "坐标取到 1e-6 度，顶点最多偏移 0.08 米，只供查看，不供量测取证。",
        "Coordinates are rounded to 1e-6 degree, vertices move by 0.08 m at most: for viewing, "
        "not for evidence.",
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
    "legend_layers": ("图层", "Layer"),
    "legend_count": ("个数", "Count"),
    "legend_mu": ("亩", "mu"),
    "legend_area": ("图形椭球面积，单位：亩", "Area of the shapes on the ellipsoid, in mu"),
    # Search and popup
    "search": ("查代码、承包方、村、地名", "Code, household, village or place"),
    "search_hint": (
        "输入代码、承包方、村名或地名的任意一段。姓名已遮盖的，请按承包方代码查找。",
        "Type any part of a code, a household, a village or a place name. Where names are masked, "
        "search households by their codes.",
    ),
    "search_none": ("没有找到", "Nothing found"),
    "search_more": ("只列出前 {n} 项，请再多输入一些", "The first {n} only: type more"),
    "search_wait": ("正在准备查找…", "Preparing the search…"),
    "search_results": ("查找结果", "Results"),
    "search_and": ("、", ", "),
    "search_village": ("村", "Village"),
    "search_count": ("{n} 个", "{n} features"),
    "search_went": ("{what}：共 {n} 个，已全部显示在图中", "{what}: {n} features, all in view"),
    "popup_label": ("地块信息", "What is here"),
    "popup_village": ("所在村", "Village"),
    "popup_area": ("图形椭球面积", "Area of the shape (ellipsoid)"),
    "popup_copy": ("复制", "Copy"),
    "popup_copied": ("已复制", "Copied"),
    "popup_not_copied": ("未能复制", "Not copied"),
    "also_here": ("此处还有", "Also here"),
    "close": ("关闭", "Close"),
    "north": ("北", "N"),
    "zoom_in": ("放大", "Zoom in"),
    "zoom_out": ("缩小", "Zoom out"),
    "loading": ("正在载入…", "Loading…"),
    "old_browser": (
        "本页的地图需要启用 JavaScript，并需要 2017 年以后的浏览器（Chrome、Edge、Firefox 等）。",
        "The map of this page needs JavaScript and a browser of 2017 or later (Chrome, Edge, "
        "Firefox …).",
    ),
    # Compare scenes (swipe.js)
    "swipe": ("对比影像", "Compare scenes"),
    "swipe_handle": (
        "左右拖动，或按左右方向键，对比两期影像",
        "Drag, or press the arrow keys, to compare the two scenes",
    ),
    # Step through changes (changes.js, changes.py)
    "changes": ("疑似变化", "Suspected changes"),
    "changes_first": ("最前", "First"),
    "changes_previous": ("上一处", "Previous"),
    "changes_next": ("下一处", "Next"),
    "changes_keys": (
        "也可用左右方向键逐处查看，Home 键回到第一处",
        "The arrow keys step through them, too; Home goes to the first",
    ),
    "changes_sort": ("排序", "Order"),
    "changes_by_area": ("面积从大到小", "Largest first"),
    "changes_by_confidence": ("把握从高到低", "Surest first"),
    "changes_seasonal": ("包括可能的季节变化", "With possibly seasonal ones"),
    "changes_none": ("没有疑似变化", "No suspected change"),
    "changes_high": ("较高", "high"),
    "changes_middle": ("中等", "middling"),
    "changes_low": ("较低", "low"),
    "changes_of_hundred": (
        "这样的 100 处中约有 {n} 处确有非季节的变化",
        "Of 100 such places about {n} have really changed, not only with the season",
    ),
    "changes_parcels": ("涉及地块", "Parcels concerned"),
    "changes_no_parcels": ("图上没有涉及的地块", "No parcel on the map is concerned"),
    "changes_more_parcels": ("另有 {n} 个", "{n} more"),
    "changes_mu": ("亩", "mu"),
    "changes_share": ("占该地块 {share} %", "{share} % of it"),
    "changes_no_picture": (
        "此处没有附图：文件只附前 {n} 处",
        "No picture here: the file has those of the first {n}",
    ),
    "changes_picture": ("前后影像对照，点击放大", "Before and after: click to enlarge"),
    "changes_note": (
        "由两期影像自动比较得出，均为疑似，须实地核实。",
        "Found by comparing two scenes: suspicions, to be verified on the ground.",
    ),
    # Totals in view (summary.js)
    "summary": ("本视图汇总", "Totals in view"),
    "summary_layer": ("汇总的图层", "Layer to sum"),
    "summary_part": ("汇总的范围", "What to sum"),
    "summary_view": ("本视图", "In view"),
    "summary_whole": ("全部", "All"),
    "summary_features": ("个", "features"),
    "summary_count": ("数量", "Features"),
    "summary_mu": ("亩", "mu"),
    "summary_kind": ("按类别", "By kind"),
    "summary_village": ("按村", "By village"),
    "summary_unknown": ("村未知", "Village unknown"),
    "summary_more": ("另有 {n} 个较小的村未列出", "{n} smaller villages are not listed"),
    "summary_none": ("此处没有这个图层的图形", "Nothing of this layer is here"),
    "summary_note": (
        "统计图例中未隐藏、且外框中心在范围内的图形；亩数由图形在椭球面上的面积算得，不是记载面积。",
        "Counts features that the legend does not hide and whose box has its centre in view. Mu "
        "are measured on the ellipsoid from the outlines; they are not the recorded areas.",
    ),
    # Save as CSV (table.js)
    "csv": ("导出 CSV", "Save as CSV"),
    "csv_village": ("村", "Village"),
    "csv_area": ("图形面积（亩）", "Measured area (mu)"),
    "csv_done": ("已导出 {n} 行。", "{n} rows were saved."),
    # Measure (measure.js)
    "measure": ("量测", "Measure"),
    "measure_length": ("长度", "Length"),
    "measure_area": ("面积", "Area"),
    "measure_finish": ("完成", "Finish"),
    "measure_undo": ("退一点", "Undo"),
    "measure_clear": ("清除", "Clear"),
    "measure_mu": ("亩", "mu"),
    "measure_ha": ("公顷", "ha"),
    "measure_crosses": ("边界自相交，面积不可用", "crosses itself: not an area"),
    "measure_hint": (
        "单击加点，双击或回车结束，退格删点，Esc 取消。键盘：方向键移图，空格在十字处加点。",
        "Click to add, double click or Enter to finish, Backspace to undo, Esc to cancel. "
        "Keyboard: arrows move the map, Space adds at the cross.",
    ),
    "measure_note": (
        "按 CGCS2000 椭球计算；精度受点选的像素和 1e-6 度取整限制，不供取证。",
        "On the CGCS2000 ellipsoid; no better than the pixel clicked and coordinates rounded to "
        "1e-6 degree: not for evidence.",
    ),
    "shell_map": ("地图。方向键移动，加减键缩放", "Map. Arrow keys move it, + and - zoom"),
    "shell_tools": ("工具", "Tools"),
    "shell_skip": ("跳到地图", "Skip to the map"),
    # Print (print.js)
    "print": ("打印", "Print"),
    "print_paper": ("纸张", "Paper"),
    "print_turn": ("方向", "Orientation"),
    "print_landscape": ("横向", "Landscape"),
    "print_portrait": ("纵向", "Portrait"),
    "print_title": ("图名", "Title"),
    "print_legend": ("图例", "Legend"),
    "print_scale": ("比例尺以图幅中心为准", "Scale at the centre of the map"),
    "print_sources": ("来源：", "Sources: "),
    "print_date": ("打印日期：", "Printed: "),
    "print_hint": (
        "打印当前视图和图层。打印时缩放选 100%，不要选“适合页面”，比例尺才准确。",
        "Prints the view and layers shown. Print at 100 %, not “fit to page”, or the scale is "
        "not true.",
    ),
    # Language and links (language.js, link.js)
    "lang": ("zh", "en"),
    "language": ("English", "中文"),
    "link": ("复制链接", "Copy link"),
    "link_copied": (
        "链接已复制，指向当前视图和选中的图形。",
        "Copied: a link to what is in view and what is selected.",
    ),
    "link_copy": ("请复制此链接：", "Copy this link:"),
    "link_none": ("没有找到 {key}", "{key} was not found"),
    # Provenance (about.js) and one page a town (split.py)
    "about_files": ("输入文件", "Input files"),
    "about_simplified": ("图形简化", "Simplified shapes"),
    "about_simplified_how": (
        "容差 · 实测最大偏移 · 顶点数",
        "tolerance · furthest shift as measured · vertices",
    ),
    "about_versions": ("组件版本", "Versions"),
    "split_title": ("分乡镇地图索引", "Maps by town"),
    "split_rest": ("未分乡镇", "Without a town"),
    "split_code": ("区划代码", "Region code"),
    "split_name": ("名称", "Name"),
    "split_mu": ("亩", "mu"),
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
    "confidence": ("把握程度", "Confidence"),
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


def both(key: str) -> tuple[str, str]:
    """A text in Chinese and English."""
    return _TEXTS[key]


def all_texts() -> Mapping[str, tuple[str, str]]:
    """All texts in both languages by key, as the page carries them."""
    return _TEXTS


def named(key: Any, words: Mapping[str, str]) -> str:
    """The word for an identifier such as a severity; the identifier itself where unknown."""
    return words.get(str(key), str(key))
