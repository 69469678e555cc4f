"""A claim in words, as the terminal shows it."""

from typing import Any

from kexue_pipe.core.language import Language

ENGLISH = Language()
SIGNS = {
    "greater": "left - right is at least {plus} {unit}",
    "less": "left - right is at most {minus} {unit}",
    "equal": "left - right is within {plus} {unit} of 0",
    "not_less": "left - right is more than {minus} {unit}",
    "not_greater": "left - right is less than {plus} {unit}",
}


def hypothesis(row: dict[str, Any], language: Language = ENGLISH) -> str:
    """Say what has to hold."""
    plus, minus = (f"{sign * row['smallest'] + 0.0:g}" for sign in (1, -1))
    return language(SIGNS[row["direction"]], plus=plus, minus=minus, unit=language(row["unit"]))


def told(row: dict[str, Any], sisters: int = 1) -> str:
    """Give the verdict of a claim that ran alone among those of its source: some lines."""
    reason = f" ({row['reason']})" if row["reason"] else ""
    lines = [f"{row['claim']}: {row['verdict']}{reason}", f"  {row['statement']}"]
    lines.append(f"  source      {row['source']}")
    if row["published"]:
        lines.append(f"  published   {row['published']}")
    if row["mean"] is not None:
        lines.append(f"  left        {row['left']:.4g} {row['unit']}")
        lines.append(f"  right       {row['right']:.4g} {row['unit']}")
        lines.append(f"  difference  {_interval(row)}")
        lines.append(f"  supported   if {hypothesis(row)}: {row['why']}")
    if row["p_holm"] is not None:
        lines.append(f"  p           {row['p']:.2g}, Holm-adjusted {row['p_holm']:.2g}")
        if sisters > 1:
            lines[-1] += f", as the smallest of the {sisters} claims of its source"
            lines.append(
                "              (beside them, in a suite of claims, it may be adjusted by less)"
            )
    if row["rate_shift"] is not None:
        lines.append(f"  best rates  change the difference by {row['rate_shift']:.3g} (seed 0)")
    lines.append(f"  scope       {row['scope']}")
    return "\n".join(lines)


def _interval(row: dict[str, Any]) -> str:
    text = f"{row['mean']:.4g} {row['unit']}"
    if row["seeds"] is None:
        return f"{text}, exact"
    if row["low"] is None:
        return f"{text}, {row['seeds']} seeds"
    text += f" [{row['low']:.4g}, {row['high']:.4g}], {row['seeds']} seeds"
    return text if row["effect"] is None else f"{text}, {row['effect']:.2g} standard deviations"
