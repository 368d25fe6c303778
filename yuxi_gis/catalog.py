"""The layer catalogue: `layers/*.toml` read into `LayerSpec`.

A layer is one TOML file and one QML style of the same stem, no code. Code lists that several
layers share lie in `layers/codes/`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from yuxi_gis import resources
from yuxi_gis.errors import CatalogError
from yuxi_gis.toml import TomlFile, join

__all__ = [
    "AreaSpec",
    "CodeList",
    "FieldSpec",
    "LayerSpec",
    "load_catalog",
    "recognise",
]

_TEXT_TYPES = ("Char", "Varchar")
_TYPES = (*_TEXT_TYPES, "Int", "Float", "Date", "Varbin")
_REQUIRED = ("M", "C", "O")
_GEOMETRIES = ("Polygon", "LineString", "Point", "None")
_METHODS = ("planar", "ellipsoidal")
_CONFIDENCE = ("V", "M", "W", "K")
_PERSONAL = ("id", "phone", "name")


@dataclass(frozen=True)
class CodeList:
    """An official code list: code → label in Chinese and, where given, in English."""

    name: str
    source: str
    confidence: str
    zh: Mapping[str, str]
    en: Mapping[str, str] = field(default_factory=dict)

    def label(self, code: str, lang: str = "zh") -> str:
        """The label of `code`; the code itself where the list does not have it."""
        if lang == "en" and code in self.en:
            return self.en[code]
        return self.zh.get(code, code)


@dataclass(frozen=True)
class FieldSpec:
    """One official field.

    `required` is M (必填), C (条件必填) or O (可选); `personal` is the kind of personal data
    (``"id"``, ``"phone"``, ``"name"``) that exports mask, or None. `source` says where the facts
    come from and `confidence` how sure they are: V (verified in public material that transcribes
    the standard), M (measured), W (secondary source) or K (unverified). `aliases` are other
    names that the field goes by, its Chinese title among them.
    """

    name: str
    title_zh: str
    title_en: str
    type: str
    source: str
    confidence: str
    length: int | None = None
    decimals: int | None = None
    required: str = "O"
    codes: CodeList | None = None
    pattern: str | None = None
    unique: bool = False
    personal: str | None = None
    aliases: tuple[str, ...] = ()

    def title(self, lang: str = "zh") -> str:
        """The field's title in `lang`."""
        return self.title_zh if lang == "zh" else self.title_en


@dataclass(frozen=True)
class AreaSpec:
    """Which field holds the official area (m²), by which method, and its 亩 twin."""

    field: str
    method: str
    mu_field: str | None = None


@dataclass(frozen=True)
class LayerSpec:
    """One official layer: what a `layers/<id>.toml` says."""

    id: str
    name: str
    title_zh: str
    title_en: str
    standard: str
    source: str
    confidence: str
    geometry: str
    key: str
    label: str
    fields: tuple[FieldSpec, ...]
    aliases: tuple[str, ...] = ()
    area: AreaSpec | None = None

    def title(self, lang: str = "zh") -> str:
        """The layer's title in `lang`."""
        return self.title_zh if lang == "zh" else self.title_en

    @cached_property
    def by_name(self) -> Mapping[str, FieldSpec]:
        """The fields by official name."""
        return MappingProxyType({f.name: f for f in self.fields})

    @property
    def mandatory(self) -> tuple[str, ...]:
        """Names of the fields that must be there and filled (M)."""
        return tuple(f.name for f in self.fields if f.required == "M")

    @cached_property
    def _official(self) -> Mapping[str, str]:
        return {_folded(word): f.name for f in self.fields for word in (f.name, *f.aliases)}

    def official_name(self, column: str) -> str | None:
        """The official name of a column that is called so, in any case, or by an alias."""
        return self._official.get(_folded(column))


def _folded(word: object) -> str:
    return str(word).strip().upper()


def _file(path: Path) -> TomlFile:
    return TomlFile(path, "图层目录文件", "Catalogue file")


def _code_list(file: TomlFile, name: str, data: Any, where: str) -> CodeList:
    table = file.table(data, where, CodeList)
    labels = {}
    for lang in ("zh", "en"):
        labels[lang] = file.value(table, where, lang, dict, default={} if lang == "en" else ...)
        for code in labels[lang]:
            file.value(labels[lang], join(where, lang), code, str)
    if not labels["zh"]:
        raise file.error(join(where, "zh"), "没有代码", "has no code")
    for code in labels["en"]:
        if code not in labels["zh"]:
            raise file.error(join(where, f"en.{code}"), "不在 zh 中", "is not in zh")
    return CodeList(
        name=name,
        source=file.value(table, where, "source", str),
        confidence=file.value(table, where, "confidence", str, among=_CONFIDENCE),
        zh=MappingProxyType(labels["zh"]),
        en=MappingProxyType(labels["en"]),
    )


def _field(file: TomlFile, data: Any, index: int, lists: Mapping[str, CodeList]) -> FieldSpec:
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
    if codes is not None and codes not in lists:
        raise file.error(
            join(where, "codes"), f"没有代码表 {codes!r}", f"there is no code list {codes!r}"
        )
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
        aliases=tuple(dict.fromkeys([title, *aliases])),
    )


def _fields(file: TomlFile, lists: Mapping[str, CodeList]) -> tuple[FieldSpec, ...]:
    rows = file.data.get("fields")
    if not isinstance(rows, list) or not rows:
        raise file.error("fields", "至少要有一个字段", "needs at least one field")
    specs = tuple(_field(file, row, i, lists) for i, row in enumerate(rows))
    for what, words in (
        ("name", [spec.name for spec in specs]),
        ("aliases", [word for spec in specs for word in (spec.name, *spec.aliases)]),
    ):
        twice = [word for word, n in Counter(map(_folded, words)).items() if n > 1]
        if twice:
            raise file.error(f"fields.*.{what}", f"{twice[0]} 重复", f"{twice[0]} occurs twice")
    return specs


def _layer(path: Path, shared: Mapping[str, CodeList]) -> LayerSpec:
    file = _file(path)
    own = file.table(file.data.pop("codes", {}), "codes")
    lists = dict(shared)
    for name, data in own.items():
        if name in shared:
            raise file.error(f"codes.{name}", "与 codes/ 中的重名", "is in codes/ too")
        lists[name] = _code_list(file, name, data, f"codes.{name}")
    table = file.table(file.data, "", LayerSpec)
    layer_id = file.value(table, "", "id", str)
    if layer_id != path.stem:
        raise file.error(
            "id", f"应与文件名 {path.stem!r} 相同", f"must equal the stem {path.stem!r}"
        )
    text = {
        key: file.value(table, "", key, str)
        for key in ("name", "title_zh", "title_en", "standard", "source")
    }
    confidence = file.value(table, "", "confidence", str, among=_CONFIDENCE)
    specs = _fields(file, lists)
    names = {spec.name for spec in specs}

    def named(key: str, where: str, data: Mapping[str, Any], default: Any = ...) -> Any:
        value = file.value(data, where, key, str, default=default)
        if value is not None and value not in names:
            raise file.error(
                join(where, key), f"没有字段 {value!r}", f"there is no field {value!r}"
            )
        return value

    area = None
    if "area" in table:
        data = file.table(table["area"], "area", AreaSpec)
        area = AreaSpec(
            field=named("field", "area", data),
            method=file.value(data, "area", "method", str, among=_METHODS),
            mu_field=named("mu_field", "area", data, default=None),
        )
    return LayerSpec(
        id=layer_id,
        **text,
        confidence=confidence,
        geometry=file.value(table, "", "geometry", str, among=_GEOMETRIES),
        key=named("key", "", table),
        label=named("label", "", table),
        fields=specs,
        aliases=tuple(file.value(table, "", "aliases", list, default=[])),
        area=area,
    )


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
    shared = {}
    for path in sorted((folder / "codes").glob("*.toml")):
        file = _file(path)
        shared[path.stem] = _code_list(file, path.stem, file.data, "")
    specs = [_layer(path, shared) for path in sorted(folder.glob("*.toml"))]
    if not specs:
        raise CatalogError(
            f"图层目录 {folder} 中没有 *.toml 文件。",
            f"Catalogue folder {folder} has no *.toml file.",
        )
    owner: dict[str, LayerSpec] = {}
    for spec in specs:
        for word in {_folded(word) for word in _names(spec)}:
            if word in owner:
                raise CatalogError(
                    f"图层目录文件 {folder / spec.id}.toml，键 name 或 aliases："
                    f"{word} 已属于图层 {owner[word].id}。",
                    f"Catalogue file {folder / spec.id}.toml, key name or aliases: "
                    f"{word} belongs to layer {owner[word].id} already.",
                )
            owner[word] = spec
    return MappingProxyType({spec.id: spec for spec in specs})


def _names(spec: LayerSpec) -> tuple[str, ...]:
    return (spec.id, spec.name, spec.title_zh, *spec.aliases)


def recognise(
    name: str, columns: Iterable[str], catalog: Mapping[str, LayerSpec]
) -> LayerSpec | None:
    """Which official layer a table is, by its name and its fields.

    A layer is recognised by its name (the official one, its id, title or an alias, with or
    without a county code and a year, as in ``DK5304252016``) when its key field or a quarter of
    its fields is there; and by its fields alone when the key is there with at least half of the
    mandatory ones, and at least half of those mandatory ones that no other layer has (every
    layer has BSM and YSDM, which prove nothing). Fields count by official name or alias, in any
    case. A name that fits goes before fields that fit, more fields before fewer; when two layers
    fit equally well, none is recognised: nothing is guessed.

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
    layers_with = Counter(f.name for spec in catalog.values() for f in spec.fields)
    scores: dict[str, tuple[bool, int]] = {}
    for layer_id, spec in catalog.items():
        have = {spec.official_name(column) for column in columns} - {None}
        own = [name for name in spec.mandatory if layers_with[name] == 1]
        named = _named(name, spec) and (spec.key in have or len(have) >= len(spec.fields) / 4)
        if named or (spec.key in have and _half(have, spec.mandatory) and _half(have, own)):
            scores[layer_id] = (named, len(have))
    best = max(scores.values(), default=None)
    winners = [layer_id for layer_id, score in scores.items() if score == best]
    return catalog[winners[0]] if len(winners) == 1 else None


def _half(have: Collection[str | None], names: Collection[str]) -> bool:
    return len(names) > 0 and sum(name in have for name in names) >= len(names) / 2


def _named(name: str, spec: LayerSpec) -> bool:
    words = "|".join(re.escape(_folded(word)) for word in _names(spec))
    return re.fullmatch(rf"(\d+[_\-]?)?({words})([_\-]?\d+)*", _folded(name)) is not None
