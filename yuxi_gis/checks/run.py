"""Run the rules over layers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
from pyproj import CRS
from shapely.errors import GEOSException

from yuxi_gis import findings
from yuxi_gis.catalog import LayerSpec, load_catalog
from yuxi_gis.checks import rules as _rules  # noqa: F401
from yuxi_gis.checks.profile import Profile, load_profile
from yuxi_gis.checks.registry import FAMILIES, NotRun, Rule, registered
from yuxi_gis.checks.subject import Subject
from yuxi_gis.checks.tiles import tiled
from yuxi_gis.checks.windows import Whole
from yuxi_gis.crs import epsg
from yuxi_gis.errors import CRSError, ParameterError, YuxiGisError
from yuxi_gis.read.shapes import InMemory
from yuxi_gis.read.spool import SpooledLayer, hollow

__all__ = ["RULES", "CheckResult", "CheckedLayer", "Progress", "run_checks"]

#: All rules by id, sorted by id; importing their modules has registered them.
RULES: Mapping[str, Rule] = registered()

#: How findings of a file that cannot be read are signed.
_UNREAD = "S01"

#: No layer is wider (km).
_WIDEST = 50_000.0

Progress = Callable[[str, str, float], None]


@dataclass(frozen=True)
class CheckedLayer:
    """A layer that was checked: its catalogue entry, number of records and CRS."""

    spec: LayerSpec
    count: int
    crs: CRS | None


@dataclass(frozen=True)
class CheckResult:
    """What the rules found, and what they could not judge.

    `findings` is the table of `yuxi_gis.findings`, in the CRS of the first layer whose CRS the
    profile expects, else of the first that has one; `layers` says the CRS of each layer. `about`
    has the same index: `region` (the code of the village, town or county of the parcel, or ""),
    `state` ("new" or "remaining" after `baseline.compare`, else "") and `remark` (the clerk's).
    `mended` are the findings of an earlier run that are no more, with the same columns.
    """

    findings: gpd.GeoDataFrame
    not_run: tuple[NotRun, ...]
    profile: Profile
    layers: Mapping[str, CheckedLayer]
    about: pd.DataFrame
    mended: gpd.GeoDataFrame = field(default_factory=findings.empty)

    @property
    def worst(self) -> str | None:
        """The gravest severity among the findings; None where there are none."""
        found = set(self.findings["severity"])
        return next((severity for severity in findings.SEVERITIES if severity in found), None)


def run_checks(
    layers: Mapping[str, pd.DataFrame] | Mapping[str, SpooledLayer],
    *,
    profile: Profile | str | Path | None = None,
    rules: Iterable[str] | None = None,
    unread: Iterable[YuxiGisError] = (),
    catalog: Mapping[str, LayerSpec] | None = None,
    progress: Progress | None = None,
    tile_km: float | None = None,
) -> CheckResult:
    """Check layers by the rules.

    Parameters
    ----------
    layers : mapping of str to GeoDataFrame or DataFrame
        By layer id; official field names. The frames are not changed. The catalogue's tables
        need no geometry; the rules on geometry pass them over, and those on parcels pass over
        points and lines. Layers larger than memory: see `yuxi_gis.read.spooled_layers`.
    profile : Profile, str or Path, optional
        Rules, tolerances and limits; by default the built-in profile ``"standard"``.
    rules : iterable of str, optional
        Ids of the rules to run; by default those of the profile.
    unread : iterable of YuxiGisError
        What could not be read: findings of rule S01, which name no layer.
    catalog : mapping of str to LayerSpec, optional
        By default the one that comes with the package.
    progress : callable, optional
        Called as ``progress(zh, en, fraction)``.
    tile_km : float, optional
        Side of a window in km: rules on shapes judge one window at a time, which takes less memory
        and finds the same. Needed for spooled layers.

    Returns
    -------
    CheckResult

    Raises
    ------
    ParameterError
        A layer or rule id is unknown, there is no such profile, or `tile_km` is not above 0.
    CatalogError
        The profile file is wrong.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import box
    >>> from yuxi_gis.checks import run_checks
    >>> farmland = gpd.GeoDataFrame(
    ...     {"DKBM": ["5304020010010000001", "5304020010010000002"]},
    ...     geometry=[box(5e5, 27e5, 500100, 2700020), box(500099, 27e5, 500200, 2700020)],
    ...     crs=4543,
    ... )
    >>> result = run_checks({"farmland": farmland}, rules=["T03"])
    >>> result.findings[["rule", "feature", "value"]].values.tolist()
    [['T03', '5304020010010000001', 20.0]]
    """
    catalog = load_catalog() if catalog is None else catalog
    profile = profile if isinstance(profile, Profile) else load_profile(profile)
    rules = None if rules is None else list(rules)
    chosen = _chosen(rules, profile)
    _refuse_strange(layers, catalog)
    subjects: dict[str, Subject] = {}
    for name, layer in layers.items():
        subjects[name] = _subject(layer, catalog[name], profile, subjects, tile_km)

    todo = [
        (rule, name)
        for rule in chosen
        for name in rule.layers or layers
        if name not in subjects or _judges(rule, subjects[name])
    ]
    if tile_km is not None:
        todo = _in_tiles(todo, subjects, progress)
    found = [_unread(unread)]
    not_run = [
        NotRun(id, "", f"检查方案 {profile.id} 不含此规则", f"not in profile {profile.id}")
        for id in (RULES if rules is None else ())
        if RULES[id] not in chosen
    ]
    for done, (rule, name) in enumerate(todo):
        if progress is not None:
            progress(
                f"检查 {rule.id} {rule.title_zh}：{catalog[name].title_zh}",
                f"Check {rule.id} {rule.title_en}: {name}",
                done / len(todo),
            )
        for part in _judge(rule, name, subjects, profile):
            if isinstance(part, NotRun):
                not_run.append(part)
            else:
                found.append(part)
    if progress is not None:
        progress("检查完毕", "Checks done", 1.0)
    table = findings.finish(found, _common_crs(subjects.values(), profile))
    return CheckResult(
        findings=table,
        not_run=tuple(sorted(not_run, key=lambda n: (n.rule, n.layer, n.reason_en))),
        profile=profile,
        layers={n: CheckedLayer(s.spec, len(s.frame), s.crs) for n, s in subjects.items()},
        about=_about(table, subjects),
        mended=findings.empty(table.crs),
    )


def _subject(
    layer: pd.DataFrame | SpooledLayer,
    spec: LayerSpec,
    profile: Profile,
    others: Mapping[str, Subject],
    tile_km: float | None,
) -> Subject:
    if tile_km is not None and not 0 < tile_km < _WIDEST:
        raise ParameterError(
            f"分块的边长须大于 0、小于 {_WIDEST:g} km：{tile_km:g}。",
            f"The side of a tile must be above 0 and below {_WIDEST:g} km: {tile_km:g}.",
        )
    if isinstance(layer, SpooledLayer):
        if layer.shapes is None:
            return Subject(layer.frame, spec, profile, others)
        if tile_km is None:
            raise ParameterError(
                "图形在临时文件中的图层须分块检查：请给出 tile_km。",
                "Layers with their shapes in scratch files are checked in tiles: give tile_km.",
            )
        return Whole(layer.frame, spec, profile, others, layer.shapes, 1000 * tile_km)
    plain = Subject(layer, spec, profile, others)
    if tile_km is None or not plain.shaped:
        return plain
    store = InMemory(plain.shapes)
    return Whole(hollow(layer), spec, profile, others, store, 1000 * tile_km)


def _in_tiles(
    todo: list[tuple[Rule, str]], subjects: Mapping[str, Subject], progress: Progress | None
) -> list[tuple[Rule, str]]:
    """`todo`, the rules on shapes and neighbours judged window by window."""

    def report(part: float) -> None:
        if progress is not None:
            progress("分块检查", "Checking in tiles", part)

    able = [(r, name) for r, name in todo if _cannot(r, subjects.get(name), subjects) is None]
    judged = {(rule.id, name): rule for rule, name in tiled(able, subjects, report)}
    return [(judged.get((rule.id, name), rule), name) for rule, name in todo]


def _unread(errors: Iterable[YuxiGisError]) -> gpd.GeoDataFrame:
    """Findings on files that could not be read."""
    errors = list(errors)
    words = {
        "why_zh": np.array([findings.plain(error.zh) for error in errors], dtype=object),
        "why_en": np.array([findings.plain(error.en) for error in errors], dtype=object),
    }
    table = findings.make([""] * len(errors), None, None, words=words, zh="{why_zh}", en="{why_en}")
    return table.assign(rule=_UNREAD, severity="error")


def _about(table: gpd.GeoDataFrame, subjects: Mapping[str, Subject]) -> pd.DataFrame:
    """What is known of each finding beside its columns; see `CheckResult`."""
    columns = ("region", "state", "remark")
    about = pd.DataFrame("", index=table.index, columns=columns, dtype="str")
    for name, rows in table.groupby("layer"):
        subject = subjects.get(str(name))
        if subject is not None:
            region = pd.Series(subject.region.to_numpy(object), index=subject.feature, dtype="str")
            region = region[~region.index.duplicated()]
            about.loc[rows.index, "region"] = rows["feature"].map(region).fillna("").to_numpy()
    return about


def _judges(rule: Rule, subject: Subject) -> bool:
    """Whether what `rule` looks at is there in a layer of this kind at all."""
    if rule.on == "records":
        return True
    return subject.shaped and (rule.on == "shapes" or subject.spec.geometry == "Polygon")


def _judge(
    rule: Rule, name: str, subjects: Mapping[str, Subject], profile: Profile
) -> list[gpd.GeoDataFrame | NotRun]:
    """What `rule` finds on one layer, signed with its id, severity and remedy."""
    reason = _cannot(rule, subjects.get(name), subjects)
    if reason is not None:
        return [NotRun(rule.id, name, *reason)]
    try:
        parts = list(rule.check(subjects[name]))
    except CRSError as error:  # no CRS, or coordinates outside it: areas cannot be measured
        return [NotRun(rule.id, name, error.zh, error.en)]
    except GEOSException as error:
        return [NotRun(rule.id, name, f"图形运算失败：{error}", f"geometry engine: {error}")]
    signed: list[gpd.GeoDataFrame | NotRun] = []
    for part in parts:
        if isinstance(part, NotRun):
            signed.append(NotRun(rule.id, name, part.reason_zh, part.reason_en))
        elif len(part):
            part["rule"] = rule.id
            part["layer"] = name
            part["severity"] = _severity(rule, part, profile)
            part["message_zh"] += rule.mend("zh")
            part["message_en"] += " " + rule.mend("en")
            signed.append(part)
    return signed


def _severity(rule: Rule, part: gpd.GeoDataFrame, profile: Profile) -> pd.Series:
    """How grave findings are: as the rule says, or the profile; never more than is verified."""
    severity = part["severity"].where(part["severity"] != "", rule.severity)
    if rule.id in profile.severity:
        severity = pd.Series(profile.severity[rule.id], index=part.index, dtype="str")
    sure = all(profile.parameters[name].verified for name in rule.parameters)
    sure &= rule.confidence != "K"
    weak = (part["limit"].notna() & (not sure)) | (rule.family == "L")
    return severity.mask(weak & (severity == "error"), "warning")


def _cannot(
    rule: Rule, subject: Subject | None, subjects: Mapping[str, Subject]
) -> tuple[str, str] | None:
    """Why `rule` cannot judge the layer at all, in both languages; None where it can."""
    if subject is None:
        return "没有这个图层", "the layer is not there"
    for name in rule.needs:
        other = subjects.get(name)
        if other is None or (rule.on != "records" and not other.shaped):
            return f"没有图层 {name}", f"there is no layer {name}"
    missing = [subject.spec.by_name[field] for field in rule.fields if not subject.has(field)]
    if missing:
        zh = "、".join(f"{field.name}（{field.title_zh}）" for field in missing)
        return f"缺少字段 {zh}", f"missing: {', '.join(field.name for field in missing)}"
    return None


def _chosen(ids: Iterable[str] | None, profile: Profile) -> list[Rule]:
    """The rules to run: those that are named, else those of the profile."""
    told = {*profile.rules, *profile.without, *profile.severity}
    for wanted, where in (
        (set(ids or ()), ("", "")),
        (told - set(FAMILIES), (f"检查方案 {profile}：", f"Profile {profile}: ")),
    ):
        unknown = sorted(wanted - set(RULES))
        if unknown:
            raise ParameterError(
                f"{where[0]}没有规则 {', '.join(unknown)}。现有规则：{', '.join(RULES)}。",
                f"{where[1]}There is no rule {', '.join(unknown)}. The rules are "
                f"{', '.join(RULES)}.",
            )
    names = {id for id in RULES if profile.has(id)} if ids is None else set(ids)
    return [rule for id, rule in RULES.items() if id in names]


def _refuse_strange(layers: Iterable[str], catalog: Mapping[str, LayerSpec]) -> None:
    for name in layers:
        if name not in catalog:
            raise ParameterError(
                f"没有图层 {name}。图层目录中有：{', '.join(catalog)}。",
                f"There is no layer {name}. The catalogue has {', '.join(catalog)}.",
            )


def _common_crs(subjects: Iterable[Subject], profile: Profile) -> CRS | None:
    known = [subject.crs for subject in subjects if subject.crs is not None]
    expected = [crs for crs in known if epsg(crs) in profile.numbers("expected_crs")]
    return next(iter(expected + known), None)
