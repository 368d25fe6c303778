"""Run the rules over layers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import pandas as pd
from pyproj import CRS
from shapely.errors import GEOSException

from yuxi_gis import findings
from yuxi_gis.catalog import LayerSpec, load_catalog
from yuxi_gis.checks import area, attributes, legal, structure, topology
from yuxi_gis.checks.profile import Profile, load_profile
from yuxi_gis.checks.registry import NotRun, Rule, registered
from yuxi_gis.checks.subject import Subject
from yuxi_gis.crs import epsg
from yuxi_gis.errors import CRSError, ParameterError

__all__ = ["FAMILY_MODULES", "RULES", "CheckResult", "CheckedLayer", "Progress", "run_checks"]

#: Importing a family registers its rules.
FAMILY_MODULES = (structure, attributes, topology, area, legal)
#: All rules by id, sorted by id.
RULES: Mapping[str, Rule] = registered()

#: Rules, by family or id, on what records say: they judge tables, points and lines, too.
_ON_RECORDS = ("A", "S09")
#: Rules that judge whatever has geometry; all others judge parcels, which are polygons.
_ON_GEOMETRY = ("S",)

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
    profile expects, else of the first that has one; `layers` says the CRS of each layer.
    """

    findings: gpd.GeoDataFrame
    not_run: tuple[NotRun, ...]
    profile: Profile
    layers: Mapping[str, CheckedLayer]

    @property
    def worst(self) -> str | None:
        """The gravest severity among the findings; None where there are none."""
        found = set(self.findings["severity"])
        return next((severity for severity in findings.SEVERITIES if severity in found), None)


def run_checks(
    layers: Mapping[str, pd.DataFrame],
    *,
    profile: Profile | str | Path | None = None,
    rules: Iterable[str] | None = None,
    catalog: Mapping[str, LayerSpec] | None = None,
    progress: Progress | None = None,
) -> CheckResult:
    """Check layers by the rules.

    Parameters
    ----------
    layers : mapping of str to GeoDataFrame or DataFrame
        By layer id; official field names. The frames are not changed. The catalogue's tables
        need no geometry; the rules on geometry pass them over, and those on parcels pass over
        points and lines.
    profile : Profile, str or Path, optional
        Tolerances and limits; by default the built-in profile ``"standard"``.
    rules : iterable of str, optional
        Ids of the rules to run; by default all.
    catalog : mapping of str to LayerSpec, optional
        By default the one that comes with the package.
    progress : callable, optional
        Called as ``progress(zh, en, fraction)``.

    Returns
    -------
    CheckResult

    Raises
    ------
    ParameterError
        A layer or rule id is unknown, or there is no such profile.
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
    chosen = _chosen(rules)
    _refuse_strange(layers, catalog)
    subjects: dict[str, Subject] = {}
    for name, frame in layers.items():
        subjects[name] = Subject(frame, catalog[name], profile, subjects)

    todo = [
        (rule, name)
        for rule in chosen
        for name in rule.layers or layers
        if name not in subjects or _judges(rule, subjects[name])
    ]
    found: list[gpd.GeoDataFrame] = []
    not_run: list[NotRun] = []
    for done, (rule, name) in enumerate(todo):
        if progress is not None:
            progress(
                f"检查 {rule.id} {rule.title_zh}：{catalog[name].title_zh}",
                f"Check {rule.id} {rule.title_en}: {name}",
                done / len(todo),
            )
        for part in _judge(rule, name, subjects.get(name)):
            if isinstance(part, NotRun):
                not_run.append(part)
            else:
                found.append(part)
    if progress is not None:
        progress("检查完毕", "Checks done", 1.0)
    return CheckResult(
        findings=findings.finish(found, _common_crs(subjects.values(), profile)),
        not_run=tuple(sorted(not_run, key=lambda n: (n.rule, n.layer, n.reason_en))),
        profile=profile,
        layers={n: CheckedLayer(s.spec, len(s.frame), s.crs) for n, s in subjects.items()},
    )


def _judges(rule: Rule, subject: Subject) -> bool:
    """Whether what `rule` looks at is there in a layer of this kind at all."""
    if rule.id.startswith(_ON_RECORDS):
        return True
    if not subject.shaped:
        return False
    return subject.spec.geometry == "Polygon" or rule.id.startswith(_ON_GEOMETRY)


def _judge(rule: Rule, name: str, subject: Subject | None) -> list[gpd.GeoDataFrame | NotRun]:
    """What `rule` finds on one layer, signed with its id, severity and remedy."""
    reason = _cannot(rule, subject)
    if reason is not None or subject is None:
        return [NotRun(rule.id, name, *(reason or ("", "")))]
    try:
        parts = list(rule.check(subject))
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
            part["severity"] = part["severity"].where(part["severity"] != "", rule.severity)
            part["message_zh"] += rule.mend("zh")
            part["message_en"] += " " + rule.mend("en")
            signed.append(part)
    return signed


def _cannot(rule: Rule, subject: Subject | None) -> tuple[str, str] | None:
    """Why `rule` cannot judge the layer at all, in both languages; None where it can."""
    if subject is None:
        return "没有这个图层", "the layer is not there"
    missing = [subject.spec.by_name[field] for field in rule.fields if not subject.has(field)]
    if missing:
        zh = "、".join(f"{field.name}（{field.title_zh}）" for field in missing)
        return f"缺少字段 {zh}", f"missing: {', '.join(field.name for field in missing)}"
    return None


def _chosen(rules: Iterable[str] | None) -> list[Rule]:
    wanted = set(RULES if rules is None else rules)
    unknown = sorted(wanted - set(RULES))
    if unknown:
        raise ParameterError(
            f"没有规则 {', '.join(unknown)}。现有规则：{', '.join(RULES)}。",
            f"There is no rule {', '.join(unknown)}. The rules are {', '.join(RULES)}.",
        )
    return [rule for id, rule in RULES.items() if id in wanted]


def _refuse_strange(layers: Mapping[str, pd.DataFrame], catalog: Mapping[str, LayerSpec]) -> None:
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
