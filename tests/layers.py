#!/usr/bin/env python3
"""Who may include whom, and the limits of style that a program can hold.

    tools -> actors -> {crypto, tun, udp, conf} -> messages

The four siblings never include each other. A test lives by the rules of the folder it mirrors.
Every third-party header has an entry here: a library that nobody allowed is an error, too.
"""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

SIBLINGS = ("crypto", "tun", "udp", "conf")
MAY_INCLUDE = {
    "messages": {"messages"},
    **{folder: {folder, "messages"} for folder in SIBLINGS},
    "actors": {"actors", *SIBLINGS, "messages"},
    "tools": {"tools", "actors", *SIBLINGS, "messages"},
}

# The first match decides: where a header may be included, as patterns over folder/file.
SYSTEM_HEADERS_IN = r"(tun|udp)/.*|(messages|actors|tools|tests/netns)/.*\.cpp"
THIRD_PARTY = [
    (r"caf/.*", r"(actors|tools)/.*|messages/interfaces\.[ch]pp"),
    (r"(spdlog|fmt)/.*", r"(actors|tools)/.*"),
    (r"sodium\.h|blake2\.h", r"crypto/.*|messages/keys\.[ch]pp"),
    (r"(intel-ipsec-mb|gcrypt)\.h", r"crypto/.*"),
    (r"toml\+\+/.*", r"conf/.*"),
    (r"CLI/.*", r"tools/.*"),
    (r"nlohmann/.*", r"(actors|tools)/.*"),
    (r"boost/test/.*", r"tests/.*"),
    (r"benchmark/benchmark\.h", r"tools/.*"),
    (r".*\.h", SYSTEM_HEADERS_IN),
]
# The protocol is handed time, randomness and bytes, and hands back bytes: it reaches for nothing.
NOT_IN_CRYPTO = {"ctime", "fstream", "iostream", "mutex", "random", "thread"}

COLUMNS_MAX = 100
CPP_LINES_MAX = 400
INCLUDE = re.compile(r'\s*#\s*include\s+([<"])([^>"]+)[>"]')
MARKER = re.compile(r"\b(TODO|FIXME|XXX)\b")


def files(*suffixes: str) -> list[Path]:
    folders = [*MAY_INCLUDE, "tests"]
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*"))]
    return [path for path in found if path.suffix in suffixes and "build" not in path.parts]


def mirrored(path: Path) -> Path:
    """tests/crypto/x.cpp lives by the rules of crypto/x.cpp."""
    parts = path.parts
    mirrors = parts[0] == "tests" and len(parts) > 2 and parts[1] in MAY_INCLUDE
    return Path(*parts[1:]) if mirrors else path


def project_include_error(path: Path, header: str) -> str | None:
    if not (ROOT / header).is_file():
        return f'"{header}" does not exist below the root; write "folder/file.hpp"'
    target = header.split("/")[0]
    if path.parts[0] == "tests" and target == "tests":
        return None
    allowed = MAY_INCLUDE.get(mirrored(path).parts[0])
    if allowed is None or target in allowed:
        return None
    return f'"{header}": {mirrored(path).parts[0]} may include {", ".join(sorted(allowed))} only'


def angle_include_error(path: Path, header: str) -> str | None:
    if "/" not in header and "." not in header:
        pure = mirrored(path).parts[0] == "crypto" and path.parts[0] != "tests"
        return f"<{header}>: crypto is pure" if pure and header in NOT_IN_CRYPTO else None
    for pattern, allowed in THIRD_PARTY:
        if re.fullmatch(pattern, header):
            places = (path.as_posix(), mirrored(path).as_posix())
            if any(re.fullmatch(allowed, place) for place in places):
                return None
            return f"<{header}> may be included in {allowed} only"
    return f"<{header}>: no rule allows this library; see THIRD_PARTY in tests/layers.py"


def include_errors(path: Path, lines: list[str]) -> list[str]:
    errors = []
    for number, line in enumerate(lines, start=1):
        match = INCLUDE.match(line)
        if not match:
            continue
        check = project_include_error if match[1] == '"' else angle_include_error
        error = check(path, match[2])
        if error:
            errors.append(f"{path}:{number}: {error}")
    return errors


def own_header_errors(path: Path, lines: list[str]) -> list[str]:
    """X.cpp includes X.hpp first, which proves that X.hpp needs nothing before it."""
    own = path.with_suffix(".hpp")
    if path.suffix != ".cpp" or not (ROOT / own).is_file():
        return []
    includes = [match[2] for match in map(INCLUDE.match, lines) if match]
    first = includes[0] if includes else "nothing"
    return [] if first == own.as_posix() else [f"{path}: includes {first} before its own header"]


def line_errors(path: Path, lines: list[str]) -> list[str]:
    errors = []
    for number, line in enumerate(lines, start=1):
        if len(line) > COLUMNS_MAX:
            errors.append(f"{path}:{number}: {len(line)} columns, at most {COLUMNS_MAX}")
        if MARKER.search(line) and path.name != Path(__file__).name:
            errors.append(f"{path}:{number}: a marker for later; do it now or file it elsewhere")
    return errors


def file_errors(path: Path, lines: list[str]) -> list[str]:
    errors = []
    if len(lines) > CPP_LINES_MAX:
        errors.append(f"{path}: {len(lines)} lines, at most {CPP_LINES_MAX}: split it by notion")
    if path.suffix == ".hpp":
        if not lines or not lines[0].startswith("//"):
            errors.append(f"{path}:1: a header starts with a comment: what it decides")
        code = [line for line in lines if line.strip() and not line.startswith("//")]
        if not code or code[0] != "#pragma once":
            errors.append(f"{path}: #pragma once is the first line of code in a header")
    return errors


def main() -> int:
    errors = []
    checked = 0
    for absolute in files(".hpp", ".cpp", ".py"):
        path = absolute.relative_to(ROOT)
        lines = absolute.read_text(encoding="utf-8").splitlines()
        checked += 1
        errors += line_errors(path, lines)
        if path.suffix != ".py":
            errors += include_errors(path, lines) + file_errors(path, lines)
            errors += own_header_errors(path, lines)
    print("\n".join(errors) or f"{checked} files keep the layers and the limits of style")
    return 1 if errors or checked == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
