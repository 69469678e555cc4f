"""The page: the template beside this file, filled; one HTML text that loads nothing."""

import json
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import altair as alt
import vl_convert
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from kexue_pipe.core import theme
from kexue_pipe.core.files import atomic_write
from kexue_pipe.core.language import Language
from kexue_pipe.page import cards

SCRIPTS = ("page_data.js", "page_select.js", "page_charts.js", "page_search.js", "page.js")


def embed(value: Any) -> Markup:
    """Give JSON that is safe inside a script element, whatever the strings hold."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def number(value: float | None) -> str:
    """Write a number with at most three significant digits and thin spaces, or a dash."""
    if value is None:
        return "–"
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{round(value):,}".replace(",", "\u2009")
    return f"{value:.3g}"


def seconds(value: float | None) -> str:
    """Write a time to a tenth of a second, or a dash."""
    return "–" if value is None else f"{value:.1f}"


def write(context: dict[str, Any], language: Language) -> str:
    """Fill the template."""
    folder = Path(__file__).parent
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"json": embed, "number": number, "seconds": seconds, "html": Markup}
    environment.filters["prose"] = lambda text: Markup(cards.prose(text))
    environment.globals |= {
        "t": language,
        "language": language.code,
        "configs": {
            "light": theme.config(False),
            "dark": theme.config(True),
            "swap": theme.ON_DARK,
        },
        "bundle": _bundle(),
        "style": Markup((folder / "page.css").read_text(encoding="utf-8")),
        "scripts": [Markup((folder / name).read_text(encoding="utf-8")) for name in SCRIPTS],
    }
    return environment.get_template("page.html").render(context)


def _bundle() -> Markup:
    """Give Vega, Vega-Lite and their embedding as one script; putting it together is slow."""
    version = ".".join(alt.SCHEMA_VERSION[1:].split(".")[:2])
    kept = Path(f"results/.cache/vega-lite-{version}-{installed('vl-convert-python')}.js")
    if not kept.is_file():
        bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=version)
        atomic_write(kept, bundle)
    text = kept.read_text(encoding="utf-8")
    return Markup(text.replace("</script", "<\\/script").replace("<!--", "<\\!--"))
