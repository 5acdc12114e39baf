"""A run as one HTML page that opens anywhere: no scripts, no links to other files."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

import cv2
import numpy as np

BINS = 20

STYLE = """
:root { color-scheme: light dark; --line: #8886; --flag: #e4572e; --quiet: #7a8794; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1080px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 .2rem; } h2 { font-size: 1.1rem; margin: 2.2rem 0 .6rem; }
.lead { margin: 0 0 1.2rem; opacity: .75; }
.numbers { display: flex; flex-wrap: wrap; gap: .6rem; }
.numbers div { border: 1px solid var(--line); border-radius: 8px; padding: .5rem .9rem; min-width: 6rem; }
.numbers b { display: block; font-size: 1.5rem; line-height: 1.2; }
.plots { display: flex; flex-wrap: wrap; gap: 2rem; }
svg text { font: 11px system-ui, sans-serif; fill: currentColor; }
table { border-collapse: collapse; }
th, td { text-align: left; padding: .25rem .9rem .25rem 0; vertical-align: top; }
th, td { border-top: 1px solid var(--line); }
td { overflow-wrap: anywhere; }
.pair { border-top: 1px solid var(--line); padding: .8rem 0; break-inside: avoid; }
.pair p { margin: 0 0 .4rem; }
.strip { display: flex; flex-wrap: wrap; gap: .5rem; }
figure { margin: 0; }
figure img { display: block; max-width: 320px; border-radius: 4px; }
figcaption { font-size: .8rem; opacity: .7; }
.tag { border: 1px solid var(--line); border-radius: 99px; padding: 0 .5rem; margin-left: .5rem; }
.tag { font-size: .8rem; }
"""


@dataclass(frozen=True)
class ShownPair:
    """One flagged pair with its pictures.

    Attributes:
        name, query, direction, review: words; review is "" where nobody decided.
        score: in [0, 1].
        pictures: (caption, uint8 RGB picture), in the order of the strip.
    """

    name: str
    query: str
    score: float
    direction: str
    review: str
    pictures: Sequence[tuple[str, np.ndarray]]


@dataclass(frozen=True)
class Report:
    """Everything a page shows.

    Attributes:
        title, subtitle: words.
        numbers: (label, value) for the top of the page.
        scores: of all pairs, in [0, 1].
        threshold: in (0, 1].
        curve: (recall, precision), each [points]; empty without ground truth.
        metrics, settings: (label, value) for tables; metrics may be empty.
        measured: what the metrics rest on: pairs, truth, threshold, and whether they still hold.
        pairs: those to show, in order.
        shown, shown_told: what they are, as a heading, and a sentence on them.
        left_out: how many more of them there are.
    """

    title: str
    subtitle: str
    numbers: Sequence[tuple[str, str]]
    scores: np.ndarray
    threshold: float
    curve: tuple[Sequence[float], Sequence[float]]
    metrics: Sequence[tuple[str, str]]
    settings: Sequence[tuple[str, str]]
    measured: str = ""
    pairs: Sequence[ShownPair] = field(default_factory=list)
    shown: str = "Flagged pairs"
    shown_told: str = ""
    left_out: int = 0


def as_html(report: Report) -> str:
    """The page. Every text is escaped: names and queries may hold anything."""
    numbers = "".join(_number(*pair) for pair in report.numbers)
    plots = histogram_svg(report.scores, report.threshold) + _curve(report)
    parts = [
        f"<h1>{escape(report.title)}</h1><p class='lead'>{escape(report.subtitle)}</p>",
        f"<div class='numbers'>{numbers}</div>",
        f"<h2>Scores</h2><div class='plots'>{plots}</div>",
        _table("Against the ground truth", report.metrics, report.measured),
        f"<h2>{report.shown}</h2>{_sentence(report.shown_told)}",
        "".join(_pair(pair) for pair in report.pairs) or "<p>None.</p>",
        f"<p>{report.left_out} more are in the CSV.</p>" if report.left_out else "",
        _table("How it was made", report.settings),
    ]
    head = f"<meta charset='utf-8'><meta name='viewport' content='width=device-width'><style>{STYLE}</style>"
    title = f"<title>{escape(report.title)}</title>"
    return f"<!doctype html><html lang='en'><head>{head}{title}</head><body>{''.join(parts)}</body></html>\n"


def _number(label: str, value: str) -> str:
    return f"<div><b>{escape(value)}</b>{escape(label)}</div>"


def _sentence(words: str) -> str:
    return f"<p>{escape(words)}</p>" if words else ""


def _table(heading: str, rows: Sequence[tuple[str, str]], told: str = "") -> str:
    if not rows:
        return ""
    body = "".join(f"<tr><th>{escape(label)}</th><td>{escape(value)}</td></tr>" for label, value in rows)
    return f"<h2>{escape(heading)}</h2>{_sentence(told)}<table>{body}</table>"


def histogram_svg(scores: np.ndarray, threshold: float) -> str:
    """Pairs per score, those at or above the threshold in the colour of a flag."""
    counts, edges = np.histogram(scores, BINS, (0, 1))
    tallest = max(int(counts.max()), 1)
    bars = [_bar(int(c), left, c / tallest, threshold) for c, left in zip(counts, edges, strict=False)]
    at = 40 + 400 * threshold
    line = f"<path d='M{at:.1f} 12V170' stroke='currentColor' stroke-dasharray='4 3'/>"
    words = _text(at + 4, 20, f"threshold {threshold:.2f}", "start")
    axis = "".join(_text(40 + 400 * tick, 186, f"{tick:g}") for tick in (0, 0.5, 1))
    axis += _text(240, 202, "score (heights are square roots of counts)")
    return _svg("Histogram of scores", 460, "".join(bars) + line + words + axis)


def _bar(count: int, left: float, share: float, threshold: float) -> str:
    height = 150 * np.sqrt(share)  # roots, so that a few flagged pairs stay visible
    colour = "var(--flag)" if left + 0.5 / BINS >= threshold else "var(--quiet)"
    box = f"x='{40 + 400 * left:.1f}' y='{170 - height:.1f}' width='18' height='{height:.1f}' fill='{colour}'"
    return f"<rect {box}><title>{count} pairs from {left:.2f}</title></rect>"


def _curve(report: Report) -> str:
    recall, precision = report.curve
    if not len(recall):
        return ""
    places = zip(recall, precision, strict=True)
    points = " ".join(f"{40 + 260 * r:.1f},{170 - 150 * p:.1f}" for r, p in places)
    frame = "<path d='M40 20V170H300' fill='none' stroke='currentColor'/>"
    line = f"<polyline points='{points}' fill='none' stroke='var(--flag)' stroke-width='2'/>"
    ticks = "".join(_text(30, 174 - 150 * tick, f"{tick:g}") for tick in (0, 1)) + _text(300, 186, "1")
    labels = _text(170, 202, "recall") + _text(46, 12, "precision of flagging pairs", "start")
    return _svg("Precision–recall curve", 320, frame + line + ticks + labels)


def _svg(told: str, width: int, content: str) -> str:
    return f"<svg width='{width}' height='210' role='img' aria-label='{told}'>{content}</svg>"


def _text(x: float, y: float, words: str, anchor: str = "middle") -> str:
    return f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}'>{words}</text>"


def _pair(pair: ShownPair) -> str:
    tags = "".join(f"<span class='tag'>{escape(tag)}</span>" for tag in (pair.direction, pair.review) if tag)
    told = f"{escape(pair.query or 'any change')} · score {pair.score:.2f}{tags}"
    strip = "".join(_figure(caption, picture) for caption, picture in pair.pictures)
    words = f"<p><b>{escape(pair.name)}</b> · {told}</p>"
    return f"<div class='pair'>{words}<div class='strip'>{strip}</div></div>"


def _figure(caption: str, picture: np.ndarray) -> str:
    _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 82])
    source = f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}"
    told = escape(caption)
    return f"<figure><img alt='{told}' src='{source}'><figcaption>{told}</figcaption></figure>"
