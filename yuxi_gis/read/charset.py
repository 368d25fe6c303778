"""The character encoding of Chinese text, from its bytes: UTF-8, GB18030 or Big5.

What a file declares (.cpg, the language byte of a .dbf) is only a hint: real files declare
nothing, ``ISO-8859-1`` or the wrong one. Bytes alone do not tell either, because most GB 2312
text is valid Big5 and the other way round. What tells is how common the characters are: both
standards put the everyday characters (99 % of running text) in a level of their own.

Sources: GB/T 2312-1980 (level 1: rows 16-55, 3,755 characters; level 2: rows 56-87), Big5-1984
(level 1: A440-C67E, 5,401 characters; level 2: C940-F9D5), RFC 3629 (UTF-8).
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from yuxi_gis.errors import ParameterError
from yuxi_gis.read.dbf import Dbf, partner

__all__ = ["Verdict", "canonical", "declared_by", "detect", "known", "of_bytes"]

#: Weight of a character by where its standard has it: everyday, less common, punctuation.
_EVERYDAY, _LESS_COMMON, _SIGN = 1.0, 0.3, 0.7
#: Mean weight from which text is surely, or possibly, in an encoding. Chinese text has 0.9 and
#: more in its own, and 0.4-0.75 in the other; European text in GB18030 has below 0.2.
_SURE, _POSSIBLE, _MARGIN = 0.6, 0.25, 0.1
#: Share of characters that must be valid UTF-8; other text has chance sequences only.
_UTF8_VALID = 0.95
#: So many characters of two bytes, valid as UTF-8, are no chance: one in five of GB 2312 is.
_UTF8_PAIRS = 3
_BLOCK = 1 << 20
_LOST = 0xFFFD
_CHINESE = ("GB18030", "Big5")
#: Characters beyond the Basic Multilingual Plane are counted as one.
_BEYOND = 0x10000

#: First and last lead byte, second bytes, weight. Traditional characters that GBK added before GB
#: 2312 count as less common; those whose second byte is ASCII do not, because a European letter
#: and the plain one after it look like them.
_HIGH = range(0xA1, 0xFF)
_LOW_AND_HIGH = (*range(0x40, 0x7F), *_HIGH)
_LEVELS = {
    "gb18030": (
        (0x81, 0xA0, _HIGH, _LESS_COMMON),
        (0xB0, 0xD7, _HIGH, _EVERYDAY),
        (0xD8, 0xF7, _HIGH, _LESS_COMMON),
        (0xA1, 0xA3, _HIGH, _SIGN),
    ),
    "big5": (
        (0xA4, 0xC6, _LOW_AND_HIGH, _EVERYDAY),
        (0xC9, 0xF9, _LOW_AND_HIGH, _LESS_COMMON),
        (0xA1, 0xA3, _LOW_AND_HIGH, _SIGN),
    ),
}

#: Names of encodings in .cpg files that Python does not know; ``ANSI`` and ``OEM`` before a
#: number are dropped first.
_ALIASES = {
    "65001": "utf-8",
    "54936": "gb18030",
    "88591": "iso-8859-1",
    "big-5": "big5",
    "gb2312-80": "gb2312",
    "x-gbk": "gbk",
}
_DISPLAY = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8",
    "big5": "Big5",
    "iso8859-1": "ISO-8859-1",
} | dict.fromkeys(("gb2312", "gbk", "gb18030"), "GB18030")
#: Codecs of Python that keep ASCII but are no character encodings of files.
_NO_CHARSETS = (
    "hz",
    "idna",
    "punycode",
    "raw-unicode-escape",
    "unicode-escape",
    "utf-7",
    "undefined",
)
#: Language bytes of a .dbf (offset 29) that name an encoding; 0x00 and 0x57 ("the writer's own")
#: name none. ESRI and GDAL's table of code pages.
_LANGUAGE = {
    0x01: "cp437",
    0x02: "cp850",
    0x03: "cp1252",
    0x13: "cp932",
    0x4D: "gbk",
    0x4E: "cp949",
    0x4F: "big5",
    0x78: "big5",
    0x79: "cp949",
    0x7A: "gbk",
    0x7B: "cp932",
    0xC8: "cp1250",
    0xC9: "cp1251",
}


@dataclass(frozen=True)
class Verdict:
    """An encoding, why, and how sure it is (see `yuxi_gis.read.table.CONFIDENCE`).

    Attributes
    ----------
    encoding : str
        ``"UTF-8"``, ``"GB18030"``, ``"Big5"`` or another name that ``bytes.decode`` knows.
    zh, en : str
        The reason; where it is not certain, how to overrule it.
    confidence : {"certain", "high", "low"}
    """

    encoding: str
    zh: str
    en: str
    confidence: str


def canonical(name: str) -> str | None:
    """The encoding that a file or a user calls `name`; None where it names none.

    GB 2312 and GBK are read as GB18030, which holds both. ``"ANSI 936"`` is GBK; ``"OEM"`` alone
    names nothing.
    """
    key = name.strip().strip("\ufeff\0\"'").lower().replace("_", "-")
    for prefix in ("ansi", "oem", "windows-", "cp"):
        if key.startswith(prefix) and key[len(prefix) :].strip(" -").isdigit():
            key = key[len(prefix) :].strip(" -")
    try:
        info = codecs.lookup(_ALIASES.get(key, f"cp{key}" if key in _PAGES else key))
        fit = b"aZ09_".decode(info.name) == "aZ09_"
    except (LookupError, UnicodeError, ValueError, TypeError):
        return None
    if not fit or info.name.replace("_", "-") in _NO_CHARSETS:
        return None
    plain = info.name.replace("_", "-")
    return _DISPLAY.get(plain, plain)


_PAGES = tuple(str(n) for n in (437, 850, 866, 932, 936, 949, 950, *range(1250, 1259)))


def known(name: str) -> str:
    """`canonical`, for a name that the user gives.

    Raises
    ------
    ParameterError
        It names no encoding.
    """
    encoding = canonical(name)
    if encoding is None:
        raise ParameterError(
            f"--encoding {name!r}：没有这种编码。常用的是 UTF-8、GB18030、GBK、Big5。",
            f"--encoding {name!r}: there is no such encoding. Usual ones are UTF-8, GB18030, GBK "
            "and Big5.",
        )
    return encoding


def detect(dbf: Dbf, asked: str | None = None) -> Verdict:
    """The encoding of the field names and character columns of a .dbf: all of its rows.

    Parameters
    ----------
    dbf : Dbf
        Memory-mapped: one block of rows at a time is looked at.
    asked : str, optional
        What the user says; it overrules.

    Raises
    ------
    ParameterError
        `asked` names no encoding.
    """
    if asked is not None:
        name = known(asked)
        return Verdict(name, f"按用户指定（{asked}）", f"as told ({asked})", "certain")
    declared, where = declared_by(dbf)
    return of_bytes(dbf.texts(), declared, where)


def declared_by(dbf: Dbf) -> tuple[str | None, str]:
    """What a .dbf says of its encoding, and where: its .cpg first, then its language byte."""
    cpg = partner(dbf.path, ".cpg")
    if cpg is not None:
        with cpg.open("rb") as file:
            said = file.read(64).decode("ascii", "replace").strip()
        if canonical(said) or dbf.language not in _LANGUAGE:
            return said, cpg.name
    if dbf.language in _LANGUAGE:
        return _LANGUAGE[dbf.language], f"LDID 0x{dbf.language:02X}"
    return None, ""


def of_bytes(texts: Iterable[bytes], declared: str | None = None, where: str = "file") -> Verdict:
    """The encoding of `texts`.

    Parameters
    ----------
    texts : iterable of bytes
        Values, lines or a whole file. Half a character at the end of one is a value cut at the
        width of its field and does not count. Read as a stream; those in ASCII say nothing.
    declared : str, optional
        What the file says of itself. It holds where the bytes do not tell.
    where : str
        Who declares it, for the reason: the name of the .cpg, ``"LDID 0x4D"``.

    Returns
    -------
    Verdict
        ``"ISO-8859-1"``, with low confidence, where the text is none of the three and nothing
        usable is declared: it reads any bytes.
    """
    counts = _count(texts)
    encoding = canonical(declared) if declared else None
    # Windows' Big5 has a few characters more; which of the two was meant does not show.
    said = _Said(declared, where, "Big5" if encoding == "cp950" else encoding)
    if counts is None:
        return _of_ascii(said)
    scores = {"GB18030": _score("gb18030", counts), "Big5": _score("big5", counts)}
    utf8, number = counts["utf-8"], int(counts["gb18030"][0x80:].sum())
    return (
        _of_utf8(utf8, scores["GB18030"], said)
        or _of_chinese(scores, number, said)
        or _of_neither(utf8, said)
    )


@dataclass(frozen=True)
class _Said:
    declared: str | None
    where: str
    encoding: str | None

    def reason(self, encoding: str, zh: str, en: str, confidence: str) -> Verdict:
        """A verdict that also says what became of the declaration."""
        if self.encoding == encoding:
            zh, en = f"{zh}，与声明一致（{self.where}）", f"{en}, as {self.where} declares"
        elif self.declared is not None:
            zh += f"；声明的是 {self.declared}（{self.where}），与内容不符，未采用"
            en += f"; {self.where} declares {self.declared}, which the bytes contradict"
        return _overrulable(encoding, zh, en, confidence)

    def holds(self, zh: str, en: str, confidence: str) -> Verdict:
        """The declared encoding, because the bytes do not say better."""
        assert self.encoding is not None
        return _overrulable(
            self.encoding,
            f"按声明（{self.where}：{self.declared}），{zh}",
            f"as {self.where} declares ({self.declared}); {en}",
            confidence,
        )


def _overrulable(encoding: str, zh: str, en: str, confidence: str) -> Verdict:
    return Verdict(
        encoding,
        f"{zh}。如不对，请用 --encoding 指明。",
        f"{en}. If that is wrong, give --encoding.",
        confidence,
    )


def _of_ascii(said: _Said) -> Verdict:
    if said.encoding is not None:
        return said.holds("文字全是 ASCII", "all text is ASCII", "high")
    return _overrulable(
        "UTF-8", "文字全是 ASCII，任何编码读出来都一样", "all text is ASCII", "high"
    )


def _of_utf8(counts: np.ndarray, gb_score: float, said: _Said) -> Verdict | None:
    pairs, lost = int(counts[0x80:0x800].sum()), int(counts[_LOST])
    number = int(counts[0x80:].sum()) - lost
    if number < _UTF8_VALID * (number + lost):
        return None
    if number > pairs or pairs >= _UTF8_PAIRS:
        zh = f"{number} 个非 ASCII 字符是合法的 UTF-8"
        en = f"{number} characters beyond ASCII are valid UTF-8"
        return said.reason("UTF-8", zh, en, "high")
    # One or two characters such as ² in m²; what is beyond Latin-1 is rather one of GB 2312.
    if said.encoding in _CHINESE or (gb_score >= _SURE and counts[0x100:0x800].any()):
        return None
    if said.encoding not in (None, "UTF-8"):
        return said.holds("非 ASCII 字符太少，不能确定", "too little text to be sure", "low")
    zh, en = "是合法的 UTF-8，但文字太少，不能确定", "valid UTF-8, but too little text to be sure"
    return said.reason("UTF-8", zh, en, "low")


def _of_chinese(scores: dict[str, float], number: int, said: _Said) -> Verdict | None:
    """GB18030 or Big5, by the mean weight of the characters that the text has in each."""
    best = max(scores.values())
    # Mainland data: where the two cannot be told apart, or all is doubtful, it is GB18030.
    least = {"GB18030": max(best - _MARGIN, _POSSIBLE), "Big5": max(best - _MARGIN, _SURE)}
    likely = [name for name in scores if scores[name] >= least[name]]
    if not likely:
        return None
    weak = best < _SURE or number < 2 or _is_multibyte(said.encoding)
    if said.encoding in likely and (weak or len(likely) > 1):
        zh, en = "内容可以这样解读，但不能排除其他编码", "the text can be so, or another"
        return said.holds(zh, en, "low")
    if weak and said.encoding is not None and said.encoding not in ("UTF-8", *_CHINESE):
        zh, en = "内容不足以推翻", "the text does not tell enough to overrule it"
        return said.holds(zh, en, "low")
    name = likely[0]
    return said.reason(
        name,
        f"按 {name} 解读，常用汉字得分 {scores[name]:.2f}（"
        + "，".join(f"{n} {s:.2f}" for n, s in scores.items() if n != name)
        + "）",
        f"read as {name} its characters are common ones: score {scores[name]:.2f} ("
        + ", ".join(f"{n} {s:.2f}" for n, s in scores.items() if n != name)
        + ")",
        "low" if weak or len(likely) > 1 else "high",
    )


def _of_neither(utf8: np.ndarray, said: _Said) -> Verdict:
    lost, good = utf8[_LOST], utf8[0x80:].sum() - utf8[_LOST]
    if good > lost:
        zh, en = "大部分是合法的 UTF-8，其余可能是混入的其他编码", "most of it is valid UTF-8"
        return said.reason("UTF-8", zh, en, "low")
    if said.encoding not in (None, "UTF-8", *_CHINESE):
        zh, en = "内容不像中文", "the text is not Chinese"
        return said.holds(zh, en, "high")
    zh, en = "内容不像 UTF-8、GB18030 或 Big5 的中文", "no Chinese in UTF-8, GB18030 or Big5"
    return said.reason("ISO-8859-1", zh, en, "low")


def _is_multibyte(encoding: str | None) -> bool:
    """Japanese and Korean encodings, whose bytes look like everyday GB 2312."""
    return encoding is not None and encoding.startswith(("cp932", "cp949", "euc", "shift", "johab"))


def _count(texts: Iterable[bytes]) -> dict[str, np.ndarray] | None:
    """How often each character occurs when all is decoded so; U+FFFD for what does not decode.

    None where all is ASCII. A whole block is decoded at once, one value a line.
    """
    codecs_tried = ("utf-8", "gb18030", "big5")
    counts: dict[str, np.ndarray] | None = None
    for block in _blocks(texts):
        if counts is None:
            counts = {name: np.zeros(_BEYOND + 1, "int64") for name in codecs_tried}
        for name, count in counts.items():
            text = block.decode(name, "replace")
            text = text.replace("\ufffd\n", "\n")  # half a character, cut at the field's width
            points = np.frombuffer(text.encode("utf-32-le"), "<u4")
            count += np.bincount(np.minimum(points, _BEYOND), minlength=_BEYOND + 1)
        # Text that was lost before it came here is valid UTF-8.
        counts["utf-8"][_LOST] -= min(block.count(b"\xef\xbf\xbd"), counts["utf-8"][_LOST])
    return counts


def _blocks(texts: Iterable[bytes]) -> Iterator[bytes]:
    """The texts beyond ASCII, one a line, in pieces of about a megabyte."""
    block, size = [], 0
    for text in texts:
        if text.isascii():
            continue
        block.append(text)
        size += len(text)
        if size >= _BLOCK:
            yield b"\n".join(block) + b"\n"
            block, size = [], 0
    if block:
        yield b"\n".join(block) + b"\n"


def _score(codec: str, counts_by_codec: dict[str, np.ndarray]) -> float:
    """Mean weight of the characters beyond ASCII; 0 is the weight of what does not decode."""
    counts = counts_by_codec[codec]
    number = counts[0x80:].sum()
    return float((_weights(codec) * counts)[0x80:].sum() / number) if number else 0.0


@cache
def _weights(codec: str) -> np.ndarray:
    """Weight of every code point as text in `codec`, float32 (65537,)."""
    weights = np.zeros(_BEYOND + 1, "float32")
    for first, last, tails, weight in _LEVELS[codec]:
        pairs = bytes(b for lead in range(first, last + 1) for tail in tails for b in (lead, tail))
        points = np.frombuffer(pairs.decode(codec, "ignore").encode("utf-32-le"), "<u4")
        weights[points[(points >= 0x80) & (points < _BEYOND)]] = weight
    return weights
