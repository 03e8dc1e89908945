"""`python -m functions.deploy.package`: build the packages and show what they weigh."""

from __future__ import annotations

import argparse
from pathlib import Path

from functions.deploy.packages import OUT, build

def main() -> None:
    parser = argparse.ArgumentParser(prog="make package", description=__doc__)
    parser.add_argument("names", nargs="*", help="functions; all of them when none is named")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--arch", choices=("x86_64", "arm64"), default="x86_64")
    arguments = parser.parse_args()
    for package in build(arguments.names, out=arguments.out, arch=arguments.arch).values():
        print(f"{package.name:12} {package.zip_bytes/1e6:6.1f} {package.unzipped_bytes/1e6:6.1f} {len(package.distributions)} {list(package.left_out)}")

if __name__ == "__main__":
    main()
