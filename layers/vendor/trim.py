"""
Trim the vendor layer to what the functions import; prints its size.

Lambda unpacks layers at every cold start and allows 250 MB in all; whole, these
libraries come to 60 MB, most of it telephone data that we do not ask for.
"""

import shutil
import sys
from pathlib import Path

# Names and carriers by number, examples for testing number parsers, locales and zones that
# the template language could format with (tzdata has the zones that we use).
_NOT_IMPORTED = (
    "babel/locale-data",
    "bin",
    "chalice/cli",
    "chalice/deploy",
    "chalice/templates",
    "phonenumbers/carrierdata",
    "phonenumbers/geodata",
    "phonenumbers/shortdata/*_examples*",
    "pytz/zoneinfo",
)
_NOT_SHIPPED = ("**/__pycache__", "**/*.pyi", "**/tests")


def trim(target: Path) -> int:
    """Delete what is not imported below *target*; return the bytes that stay."""
    for pattern in (*_NOT_IMPORTED, *_NOT_SHIPPED):
        for path in sorted(target.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return sum(path.stat().st_size for path in target.rglob("*") if path.is_file())


def main() -> None:
    """Trim the folder named on the command line."""
    size = trim(Path(sys.argv[1]))
    sys.stdout.write(f"vendor layer: {size / 1e6:.1f} MB unzipped\n")


if __name__ == "__main__":
    main()
