"""Component cards: what a yaml and the docstring of its module say, read without importing them.

A yaml gives the sentence and the parameters with their comments, the docstring the formulas, the
symbols, the source and the departures. Docstrings keep to one order, so that blocks are told by
their layout: what is indented is formula or table, the rest is prose.
"""

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import yaml

from kexue_pipe.page.mathml import GREEK, mathml

ROOT = Path(__file__).parents[2]
GROUPS = (
    "task", "position", "position_ids", "attention", "quantizer", "extension", "decode", "backend",
    "metric",
    "model", "optimizer",
)  # fmt: skip
PARAMETER = re.compile(r"^( *)(?:- (?:override )?)?(\w+):(?: +(.*?))?(?: +# (.*))?$")
FORMULA = re.compile(r" = |<-|->| ~ | iff |[<>]=| [<>] ")
# what is set as a symbol inside prose: a name with a script, a Greek letter, a power
SYMBOL = re.compile(
    r"(?<![\w`/.])(?:[A-Za-z]|\d+(?:\.\d+)?|sum|prod|{g})'?"
    r"(?:[_^](?:\([^()\s]*\)|\{{[^{{}}]*\}}|-?\w+))+(?!\w)"
    r"|sqrt\(\w+\)|(?<![\w`/.-])(?:{g})(?![\w-])".format(g="|".join(GREEK)),
    re.ASCII,
)
Say = Callable[[str], str]  # from a sentence to the sentence in a language


@dataclass(frozen=True)
class Card:
    """What is known of one component."""

    group: str  # as on the command line: `position`, `attention.scale`
    name: str
    sentence: str
    body: str  # HTML of formulas, symbols and prose
    source: str  # HTML
    parameters: list[tuple[str, str, str]] = field(default_factory=list)  # name, value, comment

    @property
    def choice(self) -> str:
        return f"{self.group}={self.name}"

    @property
    def anchor(self) -> str:
        return f"card-{self.group}-{self.name}"


def cards(say: Say = str) -> list[Card]:
    """Give the cards of all components, by group and name; `say` translates what they say."""
    paths = [path for group in GROUPS for path in sorted((ROOT / "conf" / group).rglob("*.yaml"))]
    found = [card(path, say) for path in paths]
    return sorted(found, key=lambda c: (GROUPS.index(c.group.split(".")[0]), c.group, c.name))


def card(path: Path, say: Say = str) -> Card:
    """Read one component from its yaml."""
    lines = path.read_text(encoding="utf-8").splitlines()
    lines = lines[1:] if lines[0].startswith("# @package") else lines
    group = ".".join(path.relative_to(ROOT / "conf").parent.parts)
    blocks = _blocks(_docstring(path))
    sources = [b for b in blocks if b.startswith("Source")]
    rest = [b for b in blocks if b not in sources]
    body = "".join(_block(b, say) for b in rest)
    source = "".join(_source(b, say) for b in sources)
    return Card(group, path.stem, lines[0].lstrip("# "), body, source, parameters(lines))


def _docstring(path: Path) -> str:
    """Give the docstring of the module that a yaml names, without its first sentence."""
    target = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader).get("_target_")
    if target is None:  # a preset: a yaml of choices
        return ""
    source = ROOT / (target.rpartition(".")[0].replace(".", "/") + ".py")
    text = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    return text.partition("\n\n")[2]


def parameters(lines: list[str]) -> list[tuple[str, str, str]]:
    """List the keys of a yaml with their values and comments; metadata is left out."""
    rows, parent, hidden = [], "", False
    for line in lines:
        match = PARAMETER.match(line)
        if match is None:
            continue
        indent, key, value, comment = match.groups()
        if not indent:
            parent = "" if value or key == "defaults" else f"{key}."
            hidden = key.startswith("_")
        if hidden or key.startswith("_") or not value:
            continue
        rows.append((parent * bool(indent) + key, value, comment or ""))
    return rows


def _blocks(text: str) -> list[str]:
    """Split a docstring at blank lines, and before `Source:`, `Formula:` and the like."""
    text = re.sub(r"\n(?=(?:Source|Formula|Symbols|Departures?|Streams)\b[^\n]*:)", "\n\n", text)
    return [block for block in re.split(r"\n\s*\n", text) if block.strip()]


def _source(text: str, say: Say) -> str:
    """Set a source: what is only a citation stands alike in every language."""
    label, colon, cited = " ".join(text.split()).partition(": ")
    return f"<p>{say(label + colon)}{prose(say(cited))}</p>"


def _block(text: str, say: Say) -> str:
    """Set a block: a table of symbols or formulas, or a paragraph."""
    if text.startswith("Formula: "):
        return f'<div class="formula">{_cell(" ".join(text.split()[1:]), say)}</div>'
    if not all(line.startswith("    ") for line in text.splitlines()):
        return f"<p>{prose(say(' '.join(text.split())))}</p>"
    rows = _rows([line[4:] for line in text.splitlines()])
    if not any(left for left, _ in rows):
        return "".join(f'<div class="formula">{_cells(right, say)}</div>' for _, right in rows)
    body = "".join(
        f'<tr><th scope="row">{_cell(left, say)}</th><td>{_cells(right, say)}</td></tr>'
        if left
        else f'<tr><td colspan="2">{_cells(right, say)}</td></tr>'
        for left, right in rows
    )
    return f'<table class="symbols">{body}</table>'


def _rows(lines: list[str]) -> list[tuple[str, list[str]]]:
    """Tell a left column, where two lines or more share the place of their second cell."""
    pieces = [[(m.start(), m.group()) for m in re.finditer(r"\S+(?: \S+)*", s)] for s in lines]
    starts = [row[1][0] for row in pieces if row[0][0] == 0 and len(row) > 1]
    column = max(set(starts), key=starts.count) if starts else 0
    further = any(row[0][0] == column for row in pieces)  # a line that goes on below the column
    alone = starts.count(column) < 2 and not further
    if not column or (alone and (len(lines) > 1 or re.search(r" = |[,;]$", pieces[0][0][1]))):
        return [("", [text for _, text in row]) for row in pieces]
    rows: list[tuple[str, list[str]]] = []
    for row in pieces:
        texts = [text for _, text in row]
        if row[0][0] >= column and rows:
            if row[0][0] == column and len(row) == 1 and rows[-1][1]:
                rows[-1][1][-1] += " " + texts[0]
            else:
                rows[-1][1].extend(texts)
        elif len(row) > 1 and row[1][0] == column:
            rows.append((texts[0], texts[1:]))
        else:
            rows.append(("", texts))
    return rows


def _cells(texts: list[str], say: Say) -> str:
    return '<span class="gap"></span>'.join(_cell(text, say) for text in texts)


def _cell(text: str, say: Say) -> str:
    return mathml(say(text)) if is_formula(text) else prose(say(text))


def is_formula(text: str) -> bool:
    """Tell a formula, which may have words in it, from prose."""
    words = re.findall(r"[A-Za-z]{3,}", re.sub(r"`[^`]*`|[_^]\w+", "", text))
    spoken = [w for w in words if w not in GREEK]
    return not spoken or bool(FORMULA.search(text) and 2 * len(spoken) <= len(text.split()))


def prose(text: str) -> str:
    """Set a paragraph: code in backticks, emphasis in asterisks, symbols as symbols."""
    parts = re.split(r"(`[^`]+`|\*[^*\s][^*]*\*)", text)
    return "".join(_piece(part) for part in parts)


def _piece(text: str) -> str:
    if text.startswith("`") and len(text) > 1:
        return f"<code>{escape(text[1:-1])}</code>"
    if text.startswith("*") and len(text) > 1:
        return f"<em>{escape(text[1:-1])}</em>"
    pieces, at = [], 0
    for match in SYMBOL.finditer(text):
        pieces += [_signs(text[at : match.start()]), mathml(match.group())]
        at = match.end()
    return "".join([*pieces, _signs(text[at:])])


def _signs(text: str) -> str:
    for plain, sign in (("<-", "←"), ("->", "→"), (">=", "≥"), ("<=", "≤"), (" ... ", " … ")):
        text = text.replace(plain, sign)
    return escape(text)
