"""All benchmarks of speed in one command: what they print goes to benchmarks/printed.md, its ratios and the
parts without any to docs/benchmarks.md.

    python -m benchmarks.speed [--smoke | --quick] [--only NAME ...]

Each part runs in a process of its own, one after the other. A part that fails is reported as
such, with its last line; nothing is left out because it looks bad. --quick measures the same
ratios with fewer pairs and rounds. --smoke runs everything at sizes that mean nothing and
writes no file. --only measures some parts and leaves the others' sections as they are.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

from benchmarks.measuring import RATIO_MARK

HERE = Path(__file__).resolve().parent
REPORT = HERE.parent / "docs" / "benchmarks.md"
PRINTED = HERE / "printed.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"

PARTS = {
    "stages": "Where the time of one pair goes",
    "end_to_end": "End to end against the bare encoder and the straightforward loop",
    "winclip": "Against anomalib's WinCLIP on the same tower",
    "first_result": "First result of `mini`, cold and loaded",
    "tower_backends": "What runs the image tower of `mini`",
    "cache_and_queries": "Many queries, and a warm cache",
    "many_pairs": "Time and memory against the number of pairs",
    "kills": "Ten kills at random moments",
    "ray_workers": "Two Ray workers against one",
    "evaluation_speed": "Evaluation against scikit-learn",
    "evaluation_anomalib": "Evaluation against anomalib",
    "database_writes": "Writing results into FiftyOne",
    "batch_sizes": "Pictures per encoder call",
    "clip_precision": "Precision of the weights",
    "clip_backends": "What computes a CLIP tower",
}


PREFACE = """# What the benchmarks of speed printed

Written by `python -m benchmarks.speed`; docs/benchmarks.md has the method, and the ratios on one page.
"""


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS))
    asked = parser.parse_args()
    amount = "--smoke" if asked.smoke else "--quick" if asked.quick else ""
    sections = {} if asked.smoke else known_sections()
    started, failed = time.monotonic(), 0
    for name in asked.only:
        print(f"== {PARTS[name]}", flush=True)
        text, well = run(name, amount)
        failed += not well
        sections[name] = section(name, amount, text)
        if not asked.smoke:
            write_report(sections)
    print(f"{len(asked.only)} parts in {(time.monotonic() - started) / 60:.1f} minutes, {failed} failed")
    return min(failed, 1)


def run(name: str, amount: str) -> tuple[str, bool]:
    """What a part prints, and whether it ended well."""
    arguments = [amount] if amount else []
    if name == "clip_precision" and amount == "--smoke":
        arguments = ["clip:ViT-B-32-quickgelu:random", "64"]
    command, lines = [sys.executable, "-m", f"benchmarks.{name}", *arguments], []
    with subprocess.Popen(
        command, cwd=HERE.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stderr
        with Drain(process.stderr) as told:
            for line in process.stdout:
                print(line, end="", flush=True)
                lines.append(line.rstrip())
    if process.returncode:
        lines.append(f"failed: {told.last}")
        print(lines[-1])
    return "\n".join(lines), process.returncode == 0


class Drain:
    """Reads a stream beside another, so that neither fills up; keeps the last line."""

    def __init__(self, stream) -> None:
        self.last = "no message"
        self.thread = threading.Thread(target=self._read, args=(stream,))

    def _read(self, stream) -> None:
        for line in stream:
            self.last = line.strip() or self.last

    def __enter__(self) -> Drain:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.thread.join()


def section(name: str, amount: str, text: str) -> str:
    """A part of the report."""
    command = f"python -m benchmarks.{name} {amount}".strip()
    head = f"### {PARTS[name]}\n\n`{command}`, {time.strftime('%Y-%m-%d')}"
    return f"{head}\n\n```text\n{text}\n```\n"


def known_sections() -> dict[str, str]:
    """What was printed so far, by part."""
    text = PRINTED.read_text(encoding="utf-8") if PRINTED.is_file() else ""
    found = {each.partition("\n")[0]: f"### {each.rstrip()}\n" for each in text.split("### ")[1:]}
    return {name: found[title] for name, title in PARTS.items() if title in found}


def write_report(sections: dict[str, str]) -> None:
    """Keep all that was printed; put the ratios between the report's marks, whose surroundings stay."""
    ordered = [sections[name] for name in PARTS if name in sections]
    PRINTED.write_text("\n".join([PREFACE, *ordered]), encoding="utf-8")
    whole = REPORT.read_text(encoding="utf-8")
    head, tail = whole.partition(BEGIN)[0], whole.partition(END)[2]
    measured = "\n".join([table(ordered), *(text for text in ordered if not ratios(text))])
    REPORT.write_text(f"{head}{BEGIN}\n\n{measured}\n{END}{tail}", encoding="utf-8")


def table(sections: list[str]) -> str:
    """All ratios on one page, by part, with what was aimed at, reached or not."""
    rows = [row for text in sections if ratios(text) for row in [*_part_row(text), *ratios(text)]]
    return "\n".join(["| what | measured | aim |", "|---|---|---|", *rows, ""])


def ratios(text: str) -> list[str]:
    """The ratios that a part printed, as rows of the table."""
    row = re.compile(rf"^{RATIO_MARK}(.*): (\S+)(?: \(aim (.*)\))?$")
    found = [row.match(line) for line in text.splitlines()]
    return [f"| {m[1]} | {m[2]} | {m[3] or ''} |" for m in found if m]


def _part_row(text: str) -> list[str]:
    """What the ratios that follow were printed by, and when."""
    told = re.match(r"### (.*)\n\n(.*)\n", text)
    return [f"| **{told[1]}**: {told[2]} | | |"] if told else []


if __name__ == "__main__":
    sys.exit(main())
