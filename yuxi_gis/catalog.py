"""The layer catalogue: `layers/*.toml` read into `LayerSpec`.

A layer is one TOML file and one QML style of the same stem, a table without geometry is the TOML
file alone; no code. Code lists that several layers share lie in `layers/codes/`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from yuxi_gis import resources
from yuxi_gis.errors import CatalogError
from yuxi_gis.specs import AreaSpec, CodeList, Edition, FieldSpec, LayerSpec, folded
from yuxi_gis.toml import TomlFile, join

__all__ = [
    "AreaSpec",
    "CodeList",
    "Edition",
    "FieldSpec",
    "LayerSpec",
    "load_catalog",
    "load_codes",
    "recognise",
]

_TEXT_TYPES = ("Char", "Varchar")
_TYPES = (*_TEXT_TYPES, "Int", "Float", "Date", "Varbin")
_REQUIRED = ("M", "C", "O")
_GEOMETRIES = ("Polygon", "LineString", "Point", "None")
_METHODS = ("planar", "ellipsoidal")
_CONFIDENCE = ("V", "M", "W", "K")
_PERSONAL = ("id", "phone", "name")

Lists = Mapping[str, CodeList]


def _file(path: Path) -> TomlFile:
    return TomlFile(path, "图层目录文件", "Catalogue file")


def _labels(file: TomlFile, data: Any, where: str, key: str) -> Mapping[str, str]:
    """A table of texts; empty where it is not there."""
    labels = file.value(data, where, key, dict, default={})
    for name in labels:
        file.value(labels, join(where, key), name, str)
    return MappingProxyType(labels)


def _code_list(file: TomlFile, name: str, data: Any, where: str) -> CodeList:
    table = file.table(data, where, CodeList)
    file.value(table, where, "zh", dict)
    codes = CodeList(
        name=name,
        source=file.value(table, where, "source", str),
        confidence=file.value(table, where, "confidence", str, among=_CONFIDENCE),
        replaced_by=file.value(table, where, "replaced_by", str, default=None),
        **{
            key: _labels(file, table, where, key) for key in ("zh", "en", "tolerated", "successors")
        },
    )
    if not codes.zh:
        raise file.error(join(where, "zh"), "没有代码", "has no code")
    for key in ("en", "successors"):
        for code in getattr(codes, key):
            if code not in codes.zh:
                raise file.error(join(where, f"{key}.{code}"), "不在 zh 中", "is not in zh")
    return codes


def _require(file: TomlFile, where: str, names: Iterable[str], known: Collection[str]) -> None:
    """Refuse a name that is not among the fields or lists of the file."""
    for name in names:
        if name not in known:
            raise file.error(where, f"没有 {name!r}", f"there is no {name!r}")


def _field(file: TomlFile, data: Any, index: int, lists: Lists) -> FieldSpec:
    where = f"fields[{index}]"
    table = file.table(data, where, FieldSpec)
    name = file.value(table, where, "name", str)
    where = f"fields.{name}"
    kind = file.value(table, where, "type", str, among=_TYPES)
    for key, kinds in (("codes", _TEXT_TYPES), ("pattern", _TEXT_TYPES), ("decimals", ("Float",))):
        if key in table and kind not in kinds:
            raise file.error(
                join(where, key), f"不能用于 {kind} 字段", f"cannot be used with a {kind} field"
            )
    codes = file.value(table, where, "codes", str, default=None)
    if codes is not None:
        _require(file, join(where, "codes"), [codes], lists)
    pattern = file.value(table, where, "pattern", str, default=None)
    if pattern is not None:
        try:
            re.compile(pattern)
        except re.error as error:
            raise file.error(join(where, "pattern"), f"{error}", f"{error}") from error
    title = file.value(table, where, "title_zh", str)
    aliases = file.value(table, where, "aliases", list, default=[])
    return FieldSpec(
        name=name,
        title_zh=title,
        title_en=file.value(table, where, "title_en", str),
        type=kind,
        source=file.value(table, where, "source", str, default=file.data.get("source", "")),
        confidence=file.value(
            table, where, "confidence", str, among=_CONFIDENCE, default=file.data.get("confidence")
        ),
        length=file.value(table, where, "length", int, default=None),
        decimals=file.value(table, where, "decimals", int, default=None),
        required=file.value(table, where, "required", str, among=_REQUIRED, default="O"),
        codes=None if codes is None else lists[codes],
        pattern=pattern,
        unique=file.value(table, where, "unique", bool, default=False),
        personal=file.value(table, where, "personal", str, among=_PERSONAL, default=None),
        references=file.value(table, where, "references", str, default=None),
        aliases=tuple(dict.fromkeys([title, *aliases])),
    )


def _fields(
    file: TomlFile, lists: Lists, inherited: tuple[FieldSpec, ...]
) -> tuple[FieldSpec, ...]:
    rows = file.data.get("fields", [] if inherited else None)
    if not isinstance(rows, list) or not (rows or inherited):
        raise file.error("fields", "至少要有一个字段", "needs at least one field")
    specs = inherited + tuple(_field(file, row, i, lists) for i, row in enumerate(rows))
    for what, words in (
        ("name", [folded(spec.name) for spec in specs]),
        ("aliases", [w for spec in specs for w in {*map(folded, (spec.name, *spec.aliases))}]),
    ):
        twice = [word for word, n in Counter(words).items() if n > 1]
        if twice:
            raise file.error(f"fields.*.{what}", f"{twice[0]} 重复", f"{twice[0]} occurs twice")
    return specs


def _edition(
    file: TomlFile, data: Any, index: int, fields: Mapping[str, FieldSpec], lists: Lists
) -> Edition:
    where = f"editions[{index}]"
    table = file.table(data, where, Edition)
    aliases = _labels(file, table, where, "aliases")
    codes = _labels(file, table, where, "codes")
    unknown = tuple(file.value(table, where, "open", list, default=[]))
    _require(file, join(where, "aliases"), aliases.values(), fields)
    _require(file, join(where, "codes"), codes, fields)
    _require(file, join(where, "codes"), codes.values(), lists)
    _require(file, join(where, "open"), unknown, fields)
    marks = tuple(file.value(table, where, "marks", list))
    for key, words in (("marks", marks), ("aliases", aliases)):
        for word in words:
            if word in fields:
                raise file.error(join(where, key), f"{word} 是现行字段", f"{word} is today's field")
    return Edition(
        **{key: file.value(table, where, key, str) for key in ("name", "title_zh", "title_en")},
        source=file.value(table, where, "source", str),
        confidence=file.value(table, where, "confidence", str, among=_CONFIDENCE),
        marks=marks,
        aliases=aliases,
        codes=MappingProxyType({name: lists[codes[name]] for name in codes}),
        open=unknown,
    )


def _area(file: TomlFile, data: Any, fields: Mapping[str, FieldSpec]) -> AreaSpec:
    table = file.table(data, "area", AreaSpec)
    area = AreaSpec(
        field=file.value(table, "area", "field", str),
        method=file.value(table, "area", "method", str, among=_METHODS),
        mu_field=file.value(table, "area", "mu_field", str, default=None),
    )
    _require(file, "area.field", [area.field], fields)
    _require(file, "area.mu_field", [area.mu_field] if area.mu_field else [], fields)
    return area


def _layer(file: TomlFile, shared: Lists, bases: Mapping[str, LayerSpec]) -> LayerSpec:
    own = file.table(file.data.pop("codes", {}), "codes")
    lists = dict(shared)
    for name, data in own.items():
        if name in shared:
            raise file.error(f"codes.{name}", "与 codes/ 中的重名", "is in codes/ too")
        lists[name] = _code_list(file, name, data, f"codes.{name}")
    table = file.table(file.data, "", LayerSpec)
    layer_id = file.value(table, "", "id", str)
    if layer_id != file.path.stem:
        stem = file.path.stem
        raise file.error("id", f"应与文件名 {stem!r} 相同", f"must equal the stem {stem!r}")
    names = ("name", "title_zh", "title_en", "standard", "source", "key", "label")
    text = {key: file.value(table, "", key, str) for key in names}
    confidence = file.value(table, "", "confidence", str, among=_CONFIDENCE)
    like = file.value(table, "", "like", str, default=None)
    inherited: tuple[FieldSpec, ...] = ()
    if like is not None:
        _require(file, "like", [like], bases)
        # That this layer has them, too, is as sure as its own source, which does not say whether
        # they must be filled.
        inherited = tuple(
            replace(field, source=text["source"], confidence=confidence, required="O")
            for field in bases[like].fields
        )
    specs = _fields(file, lists, inherited)
    fields = {spec.name: spec for spec in specs}
    for key in ("key", "label"):
        _require(file, key, [text[key]], fields)
    region = file.value(table, "", "region", str, default=None)
    if region is not None:
        _require(file, "region", [region], fields)
    rows = table.get("editions", [])
    if not isinstance(rows, list):
        raise file.error("editions", "应为 [[editions]]", "must be [[editions]]")
    return LayerSpec(
        id=layer_id,
        **text,
        confidence=confidence,
        geometry=file.value(table, "", "geometry", str, among=_GEOMETRIES),
        fields=specs,
        aliases=tuple(file.value(table, "", "aliases", list, default=[])),
        area=_area(file, table["area"], fields) if "area" in table else None,
        like=like,
        region=region,
        editions=tuple(_edition(file, row, i, fields, lists) for i, row in enumerate(rows)),
    )


def load_codes(folder: Path | None = None) -> dict[str, CodeList]:
    """Read the code lists that stand by themselves in `layers/codes/`.

    Parameters
    ----------
    folder : Path, optional
        The folder of the catalogue; by default the one that comes with the package.

    Returns
    -------
    dict of str to CodeList
        By name.

    Raises
    ------
    CatalogError
        A file is wrong; the message names the file and the key.

    Examples
    --------
    >>> load_codes()["second_survey"].successors["127"]
    '1206'
    """
    return dict(_codes(resources.folder("layers") if folder is None else Path(folder)))


@cache
def _codes(folder: Path) -> Lists:
    files = {path.stem: _file(path) for path in sorted((folder / "codes").glob("*.toml"))}
    lists = {name: _code_list(file, name, file.data, "") for name, file in files.items()}
    for name, codes in lists.items():
        if codes.successors or codes.replaced_by:
            _require(files[name], "replaced_by", [codes.replaced_by or ""], lists)
            today = lists[codes.replaced_by or ""].zh
            _require(files[name], "successors", codes.successors.values(), today)
    return MappingProxyType(lists)


def load_catalog(folder: Path | None = None) -> dict[str, LayerSpec]:
    """Read the layer catalogue.

    Parameters
    ----------
    folder : Path, optional
        A folder of layer TOML files with an optional sub-folder `codes/`; by default the one that
        comes with the package.

    Returns
    -------
    dict of str to LayerSpec
        By layer id, in the order of file names.

    Raises
    ------
    CatalogError
        A file is wrong; the message names the file and the key.

    Examples
    --------
    >>> catalog = load_catalog()
    >>> catalog["farmland"].by_name["DKLB"].codes.label("10")
    '承包地块'
    """
    return dict(_load(resources.folder("layers") if folder is None else Path(folder)))


@cache
def _load(folder: Path) -> Mapping[str, LayerSpec]:
    shared = _codes(folder)
    files = {path.stem: _file(path) for path in sorted(folder.glob("*.toml"))}
    if not files:
        raise CatalogError(
            f"图层目录 {folder} 中没有 *.toml 文件。",
            f"Catalogue folder {folder} has no *.toml file.",
        )
    bases: dict[str, LayerSpec] = {}
    for stem, file in sorted(files.items(), key=lambda item: "like" in item[1].data):
        bases[stem] = _layer(file, shared, bases)
    specs = {stem: bases[stem] for stem in files}
    owner: dict[str, str] = {}
    for stem, spec in specs.items():
        for word in {folded(word) for word in _names(spec)}:
            if word in owner:
                raise files[stem].error(
                    "name or aliases",
                    f"{word} 已属于图层 {owner[word]}",
                    f"{word} belongs to layer {owner[word]} already",
                )
            owner[word] = stem
        for field in spec.fields:
            table, _, name = (field.references or "").partition(".")
            if field.references and (table not in specs or name not in specs[table].by_name):
                raise files[stem].error(
                    f"fields.{field.name}.references",
                    f"没有字段 {field.references!r}",
                    f"there is no field {field.references!r}",
                )
    return MappingProxyType(specs)


def _names(spec: LayerSpec) -> tuple[str, ...]:
    return (spec.id, spec.name, spec.title_zh, *spec.aliases)


def recognise(
    name: str, columns: Iterable[str], catalog: Mapping[str, LayerSpec]
) -> LayerSpec | None:
    """Which official layer or table a table is, by its name and its fields.

    A layer is recognised by its name (the official one, its id, title or an alias, with or
    without a county code and a year, as in ``DK5304252016``) when its key field or a quarter of
    its fields is there; and by its fields alone when the key is there with at least half of the
    mandatory ones, and at least half of those mandatory ones that no other layer has (every
    layer has BSM and YSDM, which prove nothing). Where no field is known to be mandatory, all
    count; and fields that a layer takes over from another one (`LayerSpec.like`) are the other's.
    Fields count by official name, alias, or name in an older edition. A name that fits goes before
    fields that fit, more fields before fewer; when two layers fit equally well, none is
    recognised: nothing is guessed.

    Parameters
    ----------
    name : str
        Name of the table or of its file, without folder and ending.
    columns : iterable of str
        Field names.
    catalog : mapping of str to LayerSpec

    Returns
    -------
    LayerSpec or None

    Examples
    --------
    >>> recognise("DK5304252016", ["DKBM", "DKMC"], load_catalog()).id
    'farmland'
    """
    columns = [str(column) for column in columns]
    layers_with = Counter(
        f.name
        for spec in catalog.values()
        for f in spec.fields
        if not _taken_over(f, spec, catalog)
    )
    scores: dict[str, tuple[bool, int]] = {}
    for layer_id, spec in catalog.items():
        have = set(spec.official_names(columns).values())
        own = {
            f.name: f.required
            for f in spec.fields
            if layers_with[f.name] == 1 and not _taken_over(f, spec, catalog)
        }
        proof = [field for field, required in own.items() if required == "M"] or list(own)
        named = _named(name, spec) and (spec.key in have or len(have) >= len(spec.fields) / 4)
        must = spec.mandatory or tuple(spec.by_name)
        if named or (spec.key in have and _half(have, must) and _half(have, proof)):
            scores[layer_id] = (named, len(have))
    best = max(scores.values(), default=None)
    winners = [layer_id for layer_id, score in scores.items() if score == best]
    return catalog[winners[0]] if len(winners) == 1 else None


def _taken_over(field: FieldSpec, spec: LayerSpec, catalog: Mapping[str, LayerSpec]) -> bool:
    base = catalog.get(spec.like or "")
    return base is not None and field.name in base.by_name


def _half(have: Collection[str], names: Collection[str]) -> bool:
    return len(names) > 0 and sum(name in have for name in names) >= len(names) / 2


def _named(name: str, spec: LayerSpec) -> bool:
    words = "|".join(re.escape(folded(word)) for word in _names(spec))
    return re.fullmatch(rf"(\d+[_\-]?)?({words})([_\-]?\d+)*", folded(name)) is not None
