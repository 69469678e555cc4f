"""Plain-text formulas, as docstrings write them, into MathML: symbols and scripts, nothing else.

    theta_m = base^(-2m/D)   ->   <mi>θ</mi> with subscript m, =, base with superscript -2m/D

Only what the text says is set: names of Greek letters and operators become signs, `_` and `^`
scripts, `sqrt(...)` a root, `floor(...)` its brackets. A slash stays a slash. What is no token of
a formula is set as text, so that every letter and number of the source is on the page.
"""

import re
from html import escape

GREEK = dict(
    zip(
        "alpha beta gamma delta epsilon eps zeta eta theta iota kappa lambda mu nu xi pi rho sigma "
        "tau upsilon phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega".split(),
        "αβγδεεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΦΨΩ",
        strict=True,
    )
)  # fmt: skip
BIG = {"sum": "∑", "prod": "∏"}
SIGNS = {
    "<-": "←", "->": "→", "<=": "≤", ">=": "≥", "!=": "≠", "...": "…", "..": "…", "-": "−",
    "*": "⋅", "~": "∼", "'": "′",
}  # fmt: skip
WORDS = ("in", "up")  # subscripts of two letters that are no two indices
SPACED = tuple("=+-<>~,;") + ("<-", "->", "<=", ">=", "!=", "...")  # MathML spaces these itself
TOKEN = re.compile(
    r"(?P<code>`[^`]*`)|(?P<space>\s+)|(?P<number>\d+(?:\.\d+)?)"
    rf"|(?P<word>(?!(?:{'|'.join(GREEK)})_)[a-z]{{3,}}(?:_[a-z]{{3,}})+(?![a-z]))"  # of the code
    r"|(?P<name>[^\W\d_]+\d?)|(?P<sign><-|->|<=|>=|!=|\.{2,3}|.)"
)
CLOSING = {"(": ")", "[": "]", "{": "}"}


def mathml(text: str) -> str:
    """Set a formula; its source text is kept as what a screen reader says."""
    return f'<math alttext="{escape(text)}">{_Reader(text).until("")}</math>'


class _Reader:
    """A cursor over the tokens of a formula."""

    def __init__(self, text: str) -> None:
        self.tokens = [(str(m.lastgroup), m.group()) for m in TOKEN.finditer(text)]
        self.at = 0

    def text(self, ahead: int = 0) -> str:
        at = self.at + ahead
        return self.tokens[at][1] if 0 <= at < len(self.tokens) else ""

    def until(self, end: str) -> str:
        """Set everything up to a closing token, which is consumed."""
        parts, depth = [], 0
        while self.at < len(self.tokens) and (depth or self.text() != end):
            depth += (CLOSING.get(self.text()) == end) - (self.text() == end)
            parts.append(self.scripted())
        self.at += 1
        return "".join(parts)

    def scripted(self) -> str:
        """Set an atom with the scripts that follow it."""
        base = self.atom()
        scripts = {}
        while self.text() in ("_", "^") and self.text(1).strip() and self.text() not in scripts:
            mark, self.at = self.text(), self.at + 1
            scripts[mark] = self.script(mark)
        if not scripts:
            return base
        tag = {"_": "msub", "^": "msup", "_^": "msubsup"}["".join(sorted(scripts, reverse=True))]
        return f"<{tag}>{base}{''.join(scripts[m] for m in '_^' if m in scripts)}</{tag}>"

    def script(self, mark: str) -> str:
        """Set what stands after `_` or `^`: a group, a signed atom, or letters that are indices."""
        opening = self.text()
        if opening == "*":  # a conjugate, no product
            self.at += 1
            return _operator("∗")
        if opening in CLOSING and opening != "[":
            self.at += 1
            return f"<mrow>{self.until(CLOSING[opening])}</mrow>"
        kind, text = self.tokens[self.at]
        if opening == "-":
            return f"<mrow>{self.atom()}{self.atom()}</mrow>"
        if mark == "_" and kind == "name" and len(text) == 2 and text not in (*GREEK, *WORDS):
            self.at += 1
            return f"<mrow>{''.join(f'<mi>{letter}</mi>' for letter in text)}</mrow>"
        if mark == "^" and kind == "name" and text[-1].isdigit():
            return self.scripted()  # a name such as r2 keeps its own index
        return self.atom()

    def atom(self) -> str:
        """Set one token, or a root or floor with its argument."""
        kind, text = self.tokens[self.at]
        self.at += 1
        if kind == "space":
            if len(text) == 1 and (self.text() in SPACED or self.text(-2) in SPACED):
                return ""
            return f'<mspace width="{0.25 if len(text) == 1 else 1.2}em"/>'
        if kind == "number":
            return f"<mn>{text}</mn>"
        if kind == "code":
            return f"<mtext><code>{escape(text[1:-1])}</code></mtext>"
        if kind == "word" or not text.isascii():
            return f"<mtext>{escape(text)}</mtext>"
        if kind == "sign":
            return self.sign(text)
        if self.text() == "(" and text in ("sqrt", "floor"):
            self.at += 1
            inner = self.until(")")
            if text == "sqrt":
                return f"<msqrt>{inner}</msqrt>"
            return f"<mrow>{_operator('⌊')}{inner}{_operator('⌋')}</mrow>"
        if text in BIG:
            return f'<mo largeop="false">{BIG[text]}</mo>'
        if text in GREEK or text == "inf":
            return f"<mi>{GREEK.get(text, '∞')}</mi>"
        tag = "mi" if len(text) <= 2 or self.text() in ("(", "_", "^") else "mtext"
        return f"<{tag}>{escape(text)}</{tag}>"

    def sign(self, text: str) -> str:
        before, after = self.text(-2), self.text()
        if text == "." and before and after and before.isspace() == after.isspace():
            text = "⋅"  # a product of vectors; a full stop has a blank after it only
        tight = text in ("⋅", "/") or (text == "-" and after != " ")  # the source spaces it
        return _operator(SIGNS.get(text, text), ' lspace="0" rspace="0"' if tight else "")


def _operator(sign: str, space: str = "") -> str:
    fence = ' stretchy="false"' if sign in "()[]{}|⌊⌋" else ""
    return f"<mo{fence}{space}>{escape(sign)}</mo>"
