"""Write the files, or compare them with what the code says; see the package."""

import sys

from infra.openapi import OUTPUT, PUBLIC, public_rendered, rendered


def main(arguments: list[str]) -> int:
    """Write the files, or with ``--check`` compare; return the exit code."""
    texts = {OUTPUT: rendered(), PUBLIC: public_rendered()}
    if "--check" not in arguments:
        for path, text in texts.items():
            path.write_text(text, encoding="utf-8")
        return 0
    stale = [
        path.name
        for path, text in texts.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    if stale:
        names = " and ".join(stale)
        sys.stderr.write(f"{names}: not what the code says; run python -m infra.openapi\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
