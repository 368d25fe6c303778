"""Run the rules window by window, with the same findings as on the whole layer.

What a rule finds belongs to the window of the parcel that it names: a window is judged with its own
parcels and all whose bounds come near theirs, and findings that name one of the others are left to
the other's window. So no conflict is cut, however it lies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import geopandas as gpd
from shapely.errors import GEOSException

from yuxi_gis.checks.registry import NotRun, Rule
from yuxi_gis.checks.subject import Subject
from yuxi_gis.checks.windows import Whole, Window
from yuxi_gis.errors import CRSError

__all__ = ["tiled"]


def tiled(
    todo: list[tuple[Rule, str]],
    subjects: Mapping[str, Subject],
    progress: Callable[[float], None],
) -> list[tuple[Rule, str]]:
    """The rules of `todo`, those on shapes and neighbours with what they found in all windows.

    Parameters
    ----------
    todo : list of (Rule, str)
        Rules and layers that they can judge.
    subjects : mapping of str to Whole
        All layers; tables may be any Subject.
    progress : callable
        Called with 0 … 1.

    Returns
    -------
    list of (Rule, str)
        The same, to be asked as any rule.
    """
    found = {
        (rule.id, name): _Found(rule)
        for rule, name in todo
        if rule.scope in ("shape", "neighbours") and isinstance(subjects[name], Whole)
    }
    for name in dict.fromkeys(name for _, name in found):
        whole = subjects[name]
        assert isinstance(whole, Whole)
        rules = [judged for (_, layer), judged in found.items() if layer == name]
        beside = any(judged.rule.scope == "neighbours" for judged in rules)
        for done, rows in enumerate(whole.windows):
            progress(done / len(whole.windows))
            window = whole.with_neighbours(rows) if beside else whole.part(rows)
            own = set(whole.feature[rows])
            for judged in rules:
                judged.add(window, own)
    return [
        (replace(rule, check=found[rule.id, name].told), name)
        if (rule.id, name) in found
        else (rule, name)
        for rule, name in todo
    ]


class _Found:
    """What one rule finds on one layer, from window to window."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self._parts: list[gpd.GeoDataFrame] = []
        self._not_run: dict[NotRun, None] = {}
        self._error: CRSError | GEOSException | None = None

    def add(self, window: Window, own: set[str]) -> None:
        """Judge a window, and keep what names a parcel of its `own`."""
        if self._error is not None:
            return
        try:
            for part in self.rule.check(window):
                if isinstance(part, NotRun):
                    self._not_run[part] = None
                elif mine := [k for k, name in enumerate(part["feature"]) if name in own]:
                    self._parts.append(part.iloc[mine].reset_index(drop=True))
        except (CRSError, GEOSException) as error:  # as on a whole layer: none of it is judged
            self._error = error

    def told(self, _: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
        """What was found, as `Rule.check` gives it."""
        if self._error is not None:
            raise self._error
        yield from self._not_run
        yield from self._parts
