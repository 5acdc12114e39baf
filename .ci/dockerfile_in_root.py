"""Run every step of a Dockerfile target in a clean root, where no container engine is at hand.

    unshare --mount python .ci/dockerfile_in_root.py app /var/tmp/root [NAME=VALUE ...]

Needs root and debootstrap. Debian bookworm with a copy of the Python that runs this script, which
should be of the image's version, stands for the official image python:3.11-slim-bookworm.
NAME=VALUE replaces a build argument. Network, certificates and pip's downloads are those of the
machine. At the end, ENTRYPOINT is called with --help. This is no build: layers, caching and
the registry's images are not tested.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
NEEDED_BY_PYTHON = "ca-certificates,libssl3,libffi8,libsqlite3-0,libbz2-1.0,liblzma5,libuuid1,zlib1g"
SHARED = ("/dev", "/proc", "/etc/ssl/certs", "/etc/resolv.conf", "/var/tmp/pip-downloads")


def main(target: str, root: Path, *replaced: str) -> int:
    """Exit status: 0 when all steps ended well."""
    steps = steps_of(target, (REPOSITORY / "Dockerfile").read_text(encoding="utf-8"))
    make_root(root)
    arguments = dict(each.split("=", 1) for each in replaced)
    state = State(root)
    for word, rest in steps:
        if word == "ARG":
            name, _, default = rest.partition("=")
            state.environment[name] = arguments.get(name, default)
        elif state.take(word, rest):
            print(f"FAILED: {word} {rest}")
            return 1
    print(f"all {len(steps)} steps of {target} ended well")
    return 0


def steps_of(target: str, text: str) -> list[tuple[str, str]]:
    """Instructions of a target and of the targets it is made from, in order."""
    whole = re.sub(r"\\\n\s*", "", re.sub(r"^\s*#.*\n", "", text, flags=re.M))
    stages: dict[str, list[tuple[str, str]]] = {}
    for line in filter(None, whole.splitlines()):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            image, _, name = rest.split()
            stages[name] = list(stages.get(image, []))
        else:
            stages[name].append((word, rest.strip()))
    entry = [step for step in stages[target] if step[0] == "ENTRYPOINT"][-1]
    return [step for step in stages[target] if step[0] not in ("ENTRYPOINT", "CMD", "EXPOSE")] + [entry]


def make_root(root: Path) -> None:
    """A minimal Debian, with the machine's network and devices."""
    if root.exists():
        raise SystemExit(f"{root} exists, and a used root is no clean one: choose another, or remove it")
    included = f"--include={NEEDED_BY_PYTHON}"
    subprocess.run(["debootstrap", "--variant=minbase", included, "bookworm", root], check=True)
    copy_python(root / "usr" / "local")
    subprocess.run(["chroot", root, "/sbin/ldconfig"], check=True)
    subprocess.run(["chroot", root, "python3", "-m", "ensurepip"], check=True)
    (root / "usr/local/bin/pip").symlink_to("pip3")
    Path(SHARED[-1]).mkdir(exist_ok=True)
    for path in SHARED:
        inside = root / path.lstrip("/")
        if Path(path).is_dir():
            inside.mkdir(parents=True, exist_ok=True)
        else:
            inside.touch()
        subprocess.run(["mount", "--rbind", path, inside], check=True)


def copy_python(target: Path) -> None:
    """The interpreter and its library, without anything that was installed into it."""
    source, name = Path(sys.base_prefix), f"python{sys.version_info.major}.{sys.version_info.minor}"
    for library in (source / "lib").glob(f"lib{name}*"):
        shutil.copy(library, target / "lib")
    shutil.copy(source / "bin" / name, target / "bin")
    installed = shutil.ignore_patterns("site-packages", "__pycache__", "test")
    shutil.copytree(source / "lib" / name, target / "lib" / name, ignore=installed)
    (target / "lib" / name / "site-packages").mkdir()
    (target / "bin" / "python3").symlink_to(name)
    (target / "bin" / "python").symlink_to(name)


class State:
    """What earlier instructions decided for later ones."""

    def __init__(self, root: Path) -> None:
        self.root, self.folder, self.user = root, "/", "0"
        certificates = "/etc/ssl/certs/ca-certificates.crt"
        self.environment = {
            "PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "PIP_CACHE_DIR": SHARED[-1],
            "PIP_CERT": certificates,
            "SSL_CERT_FILE": certificates,
        }

    def take(self, word: str, rest: str) -> int:
        """Follow one instruction; its exit status."""
        print(f"== {word} {rest}", flush=True)
        if word == "WORKDIR":
            self.folder = rest
            (self.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
        elif word == "ENV":
            self.environment |= dict(each.split("=", 1) for each in shlex.split(rest))
        elif word == "USER":
            self.user = rest
        elif word == "COPY":
            self.copy(*rest.split())
        elif word in ("RUN", "ENTRYPOINT"):
            return self.run(rest if word == "RUN" else " ".join([*exec_words(rest), "--help"]))
        else:
            raise SystemExit(f"this script does not know {word}: teach it")
        return 0

    def copy(self, *paths: str) -> None:
        target = self.root / self.folder.lstrip("/") / paths[-1]
        for path in paths[:-1]:
            source = REPOSITORY / path
            if source.is_dir():
                shutil.copytree(
                    source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
                )
            else:
                shutil.copy(source, target / source.name)

    def run(self, command: str) -> int:
        # A release of pip that keeps nothing would download all again at every trial.
        command = command.replace("--no-cache-dir ", "")
        accounts = [line.split(":") for line in (self.root / "etc/passwd").read_text().splitlines()]
        home = next(account[5] for account in accounts if account[2] == self.user)
        inside = f"cd {self.folder} && {command}"
        called = ["chroot", f"--userspec={self.user}:{self.user}", self.root, "/bin/sh", "-c", inside]
        return subprocess.run(called, env={**self.environment, "HOME": home}).returncode


def exec_words(text: str) -> list[str]:
    """The exec form of an instruction."""
    return re.findall(r'"([^"]*)"', text)


if __name__ == "__main__":
    if os.geteuid():
        raise SystemExit("only root may make another root: run it with sudo")
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:]))
