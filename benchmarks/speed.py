"""All benchmarks of speed in one command; the result goes to docs/benchmarks.md.

    python -m benchmarks.speed [--smoke] [--only NAME ...]

Each part runs in a process of its own, one after the other. A part that fails is reported as
such, with its last line; nothing is left out because it looks bad. --smoke runs everything at
sizes that mean nothing and writes no file.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPORT = HERE.parent / "docs" / "benchmarks.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"

PARTS = {
    "stages": "Where the time of one pair goes",
    "end_to_end": "End to end against the bare encoder and the straightforward loop",
    "cache_and_queries": "Many queries, and a warm cache",
    "many_pairs": "Time and memory against the number of pairs",
    "evaluation_speed": "Evaluation against scikit-learn",
    "ray_workers": "Two Ray workers against one",
    "batch_sizes": "Pictures per encoder call",
    "clip_precision": "Precision of the weights",
}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS))
    asked = parser.parse_args()
    sections, failed = [], 0
    for name in asked.only:
        print(f"== {PARTS[name]}", flush=True)
        text, well = run(name, asked.smoke)
        failed += not well
        sections.append(f"### {PARTS[name]}\n\n`python benchmarks/{name}.py`\n\n```text\n{text}\n```\n")
    if not asked.smoke:
        write_report(sections)
        print(f"written to {REPORT}")
    return min(failed, 1)


def run(name: str, smoke: bool) -> tuple[str, bool]:
    """What a part prints, and whether it ended well."""
    arguments = ["clip:ViT-B-32-quickgelu:random", "64"] if smoke and name == "clip_precision" else []
    arguments += ["--smoke"] if smoke and name != "clip_precision" else []
    command = [sys.executable, str(HERE / f"{name}.py"), *arguments]
    done = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True)
    text = done.stdout.strip()
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        text += f"\nfailed: {last}"
    print(text, flush=True)
    return text, done.returncode == 0


def write_report(sections: list[str]) -> None:
    """Put the sections between the marks; what is written around them stays."""
    whole = REPORT.read_text(encoding="utf-8")
    head, tail = whole.partition(BEGIN)[0], whole.partition(END)[2]
    measured = "\n".join([f"Measured on {time.strftime('%Y-%m-%d')}.\n", *sections])
    REPORT.write_text(f"{head}{BEGIN}\n\n{measured}\n{END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
