"""A picture of ratios as SVG text."""

import math
from xml.sax.saxutils import escape

COLORS = ("#3b6ea5", "#d98032", "#5a9a57")
LEFT, WIDTH, BAR, GAP, TOP, BOTTOM = 120, 560, 13, 14, 64, 46
MARKS = (0.1, 0.2, 0.5, 1, 2, 5, 10)


def bars(ratios, shown):
    """`ratios` of models by peer; `shown` names the peers. Bars grow from 1 to both sides, on a logarithmic axis."""
    every = [ratio for row in ratios.values() for ratio in row.values()] + [0.5, 2]
    low, high = math.log(min(every)) * 1.08, math.log(max(every)) * 1.08

    def x(ratio):
        return LEFT + WIDTH * (math.log(ratio) - low) / (high - low)

    row = len(shown) * BAR + GAP
    bottom = TOP + row * len(ratios)
    marks = [mark for mark in MARKS if low <= math.log(mark) <= high]
    parts = [
        text(LEFT, 20, "How many times as fast as others m4c is", "font-size='15' font-weight='bold'"),
        *[legend(i, name) for i, name in enumerate(shown.values())],
    ]
    for mark in marks:
        style = "stroke='#333'" if mark == 1 else "stroke='#ccc'"
        parts.append(f"<line x1='{x(mark):.1f}' x2='{x(mark):.1f}' y1='{TOP - 6}' y2='{bottom}' {style}/>")
        parts.append(text(x(mark), bottom + 16, f"{mark:g}×", "text-anchor='middle'"))
    parts.append(text(x(1) - 8, bottom + 36, "← m4c is slower", "text-anchor='end'"))
    parts.append(text(x(1) + 8, bottom + 36, "m4c is faster →", ""))
    for i, (name, found) in enumerate(ratios.items()):
        top = TOP + i * row
        parts.append(text(LEFT - 8, top + len(shown) * BAR / 2 + 4, name, "text-anchor='end'"))
        for j, peer in enumerate(shown):
            if peer in found:
                parts.append(bar(x(1), x(found[peer]), top + j * BAR, COLORS[j], f"{found[peer]:.2f}"))
    width, height = LEFT + WIDTH + 50, bottom + BOTTOM
    head = f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' viewBox='0 0 {width} {height}'"
    lines = [f"{head} font-family='sans-serif' font-size='12'>", f"<rect width='{width}' height='{height}' fill='white'/>"]
    return "\n".join([*lines, *parts, "</svg>"]) + "\n"


def bar(one, end, top, color, label):
    start, width = min(one, end), abs(end - one)
    anchor, at = ("start", end + 4) if end >= one else ("end", end - 4)
    shape = f"<rect x='{start:.1f}' y='{top}' width='{width:.1f}' height='{BAR - 2}' fill='{color}'/>"
    return shape + text(at, top + BAR - 3, label, f"text-anchor='{anchor}' font-size='10'")


def legend(index, name):
    at = LEFT + 150 * index
    return f"<rect x='{at}' y='32' width='11' height='11' fill='{COLORS[index]}'/>" + text(at + 16, 42, f"than {name}", "")


def text(x, y, words, style):
    return f"<text x='{x:.1f}' y='{y:.1f}' fill='#222' {style}>{escape(words)}</text>"
