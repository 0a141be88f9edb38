#!/usr/bin/env python3
"""The manual pages know every key of the file, every command and every option, and render.

usage: manuals.py
"""
import re
import subprocess
import sys
from pathlib import Path

from layers import ROOT

PAGES = ROOT / "tools" / "man"
# Where CLI11 is told of commands and options, by the page that describes them.
SOURCES = {
    "troupectl.1": ("troupectl.cpp", "change_commands.cpp", "peer_commands.cpp",
                    "wg_quick_commands.cpp", "commands.cpp", "log_commands.cpp"),
    "trouped.8": ("trouped.cpp",),
}
# `peer add`, `show config`: the words of such commands are looked for one by one.
COMMAND = re.compile(r'(?:add_subcommand|add_file_command|add_verb|add_simple)\('
                     r'[^")]*"(\w+)"')
OPTION = re.compile(r'add_(?:option|flag)\("([^"]+)"')
KEYS = re.compile(r'(\w+)_keys = \{([^}]*)\}', re.DOTALL)


def page(name: str) -> str:
    """As a reader sees its source: `Fl -json` is what `--json` is written as."""
    return re.sub(r"Fl -", "--", (PAGES / name).read_text(encoding="utf-8"))


def names_of(option: str) -> list[str]:
    """Of `-i,--interface` and `--file,!--running`, without those of positional arguments."""
    return [name for name in option.split(",") if name.startswith("--")]


def missing_words(name: str, sources: tuple[str, ...]) -> list[str]:
    text = page(name)
    missing = []
    for source in sources:
        code = (ROOT / "tools" / source).read_text(encoding="utf-8")
        for command in COMMAND.findall(code):
            if not re.search(rf"\b{command}\b", text):
                missing.append(f"{name}: the command {command} of {source}")
        for option in OPTION.findall(code):
            missing += [f"{name}: {each} of {source}" for each in names_of(option)
                        if not re.search(rf"{each}\b", text)]
    return missing


def missing_keys() -> list[str]:
    text = (PAGES / "troupe.toml.5").read_text(encoding="utf-8")
    missing = []
    for source in ("toml.cpp", "peer_table.cpp"):
        code = (ROOT / "conf" / source).read_text(encoding="utf-8")
        for table, keys in KEYS.findall(code):
            if table in ("root", "drop_in"):
                continue
            section = re.search(rf"^\.Ss \[+{table}\]+$(.*?)(?=^\.S)", text,
                                re.DOTALL | re.MULTILINE)
            words = re.findall(r"\w+", section[1]) if section else []
            missing += [f"troupe.toml.5: {key} of [{table}]" for key in re.findall(r'"(\w+)"', keys)
                        if key not in words]
    return missing


def render(path: Path) -> list[str]:
    """What groff says against it."""
    done = subprocess.run(["groff", "-mdoc", "-Tascii", "-ww", path], capture_output=True,
                          text=True, check=False)
    return [f"{path.name}: {line}" for line in done.stderr.splitlines()]


def main() -> int:
    pages = sorted(PAGES.iterdir())
    complaints = missing_keys() + [line for each in pages for line in render(each)]
    for name, sources in SOURCES.items():
        complaints += missing_words(name, sources)
    print("\n".join(complaints) or f"{len(pages)} manual pages are whole")
    return 1 if complaints or not pages else 0


if __name__ == "__main__":
    sys.exit(main())
