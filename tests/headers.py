#!/usr/bin/env python3
"""Each header compiles alone, so that the order of includes never matters.

usage: headers.py COMPILER [FLAG]...

A header with a source file beside it is left to the build: layers.py holds that the source file
includes it first.
"""
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from layers import ROOT, files


def compile_alone(command: list[str], header: Path) -> str:
    """The compiler's complaints; nothing when it has none."""
    done = subprocess.run([*command, "-include", header.relative_to(ROOT), "/dev/null"],
                          cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stderr if done.returncode != 0 else ""


def main() -> int:
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    command = [*sys.argv[1:], "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror",
               f"-I{ROOT}", "-x", "c++"]
    headers = [path for path in files(".hpp") if not path.with_suffix(".cpp").exists()]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        complaints = [text for text in pool.map(lambda h: compile_alone(command, h), headers)
                      if text]
    print("\n".join(complaints) or f"{len(headers)} headers without a source file compile alone")
    return 1 if complaints or not headers else 0


if __name__ == "__main__":
    sys.exit(main())
