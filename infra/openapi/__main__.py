"""Write the file, or compare it with what the code says; see the package."""

import sys

from infra.openapi import OUTPUT, rendered


def main(arguments: list[str]) -> int:
    """Write the file, or with ``--check`` compare; return the exit code."""
    text = rendered()
    if "--check" not in arguments:
        OUTPUT.write_text(text, encoding="utf-8")
        return 0
    if OUTPUT.exists() and OUTPUT.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write("infra/openapi.yaml is not what the code says; run python -m infra.openapi\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
