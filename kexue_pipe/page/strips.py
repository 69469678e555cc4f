"""A claim as a small picture: both sides with every seed, as plain SVG, so that many are cheap.

The colours are those of the page, in `page.css`; a reader of screens hears the title.
"""

from collections.abc import Mapping, Sequence

from markupsafe import Markup, escape

WIDTH, ROW, EDGE = 300, 20, 10  # pixels: of the picture, from side to side, free at both ends


def strip(sides: Mapping[str, Sequence[float]], title: str) -> Markup:
    """Draw one row of points per side, and a bar at its mean, on one scale."""
    every = [value for values in sides.values() for value in values]
    if not every:
        return Markup("")
    low, high = min(every), max(every)
    span = (high - low) or abs(high) or 1.0

    def x(value: float) -> str:
        return f"{EDGE + (value - low) / span * (WIDTH - 2 * EDGE):.1f}"

    parts = []
    for row, (side, values) in enumerate(sides.items()):
        y = ROW * row + ROW // 2
        bar = x(sum(values) / len(values)) if values else ""
        parts.append(f'<g class="{side}"><path d="M0 {y}H{WIDTH}"/>')
        parts += [f'<circle cx="{x(value)}" cy="{y}" r="3.5"/>' for value in values]
        parts.append(f'<path class="mean" d="M{bar} {y - 8}V{y + 8}"/></g>' if values else "</g>")
    height = ROW * len(sides)
    head = f'<svg class="strip" role="img" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} '
    return Markup(f'{head}{height}"><title>{escape(title)}</title>{"".join(parts)}</svg>')
