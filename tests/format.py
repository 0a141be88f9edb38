#!/usr/bin/env python3
"""Every C++ file is what clang-format 14 makes of it: nobody argues about layout, nobody needs CI
to know. Another version formats otherwise, so it is refused."""
import re
import shutil
import subprocess
import sys
from pathlib import Path

from layers import ROOT, files

VERSION = "14"


def formatter() -> str:
    program = shutil.which(f"clang-format-{VERSION}") or shutil.which("clang-format")
    if program is None:
        sys.exit("clang-format is missing: run tools/install-packages")
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    if not re.search(rf"version {VERSION}\.", version.stdout):
        sys.exit(f"{program} is not version {VERSION}: {version.stdout.strip()}")
    return program


def is_formatted(program: str, path: Path) -> bool:
    done = subprocess.run([program, str(path)], capture_output=True, check=True)
    return done.stdout == path.read_bytes()


def main() -> int:
    program = formatter()
    paths = files(".hpp", ".cpp")
    offenders = [path for path in paths if not is_formatted(program, path)]
    if offenders:
        names = " ".join(str(path.relative_to(ROOT)) for path in offenders)
        print(f"not formatted; this cures it:\n  {Path(program).name} -i {names}")
        return 1
    print(f"{len(paths)} files are formatted")
    return 0 if paths else 1


if __name__ == "__main__":
    sys.exit(main())
