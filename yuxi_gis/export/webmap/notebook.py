"""A page shown inline in a notebook: JupyterLab, Jupyter Notebook, VS Code, nbconvert."""

from __future__ import annotations

from html import escape

__all__ = ["LARGEST", "inline_html"]

#: Characters of a page above which a notebook, which keeps every output it shows, gets a note.
LARGEST = 20_000_000

_TRUST = (
    "地图未显示：请信任此笔记本（File → Trust Notebook）后重新运行，"
    "或用 .save(&quot;map.html&quot;) 存成文件再打开。",
    "The map is not shown: trust this notebook (File → Trust Notebook) and run the cell again, or "
    "save it with .save(&quot;map.html&quot;) and open that file.",
)
_LARGE = (
    "地图有 {size:.0f} MB，放进笔记本太大。请用 .save(&quot;map.html&quot;) "
    "存成文件，再用浏览器打开。",
    "The map has {size:.0f} MB, too much for a notebook. Save it with .save(&quot;map.html&quot;) "
    "and open that file in a browser.",
)


def inline_html(page: str, lang: str) -> str:
    """A page as one element of a notebook's output.

    The page goes into a frame of its own (``srcdoc``), so that nothing is loaded, its policy
    holds, and maps of several cells do not meet. A notebook that is not trusted drops the frame
    and shows the note below it.

    Parameters
    ----------
    page : str
        HTML.
    lang : str
        HTML language tag of the page.
    """
    words = 0 if lang.startswith("zh") else 1
    if len(page) > LARGEST:
        return f"<p>{_LARGE[words].format(size=len(page) / 1e6)}</p>"
    return (
        '<div style="position:relative;width:100%;height:620px">'
        f'<p style="margin:0;padding:8px;color:#666">{_TRUST[words]}</p>'
        f'<iframe srcdoc="{escape(page)}" title="map" allowfullscreen '
        'style="position:absolute;top:0;left:0;width:100%;height:100%;border:0;background:#fff">'
        "</iframe></div>"
    )
