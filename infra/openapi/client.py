"""
Write a Python client of the HTTP API into ``build/client``, from the contract.

    python -m infra.openapi.client

A package of modules by tag, each with functions ``sync`` and ``asyncio``, and of models. Written
again only when the contract, the configuration or the generator is another.
"""

import hashlib
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from infra.openapi import PUBLIC

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "build" / "client" / "carillon_client"
_CONFIGURATION = Path(__file__).with_name("client.yaml")


def write_client(package: Path = PACKAGE) -> Path:
    """Return the folder of the client, written if it is not there as it should be."""
    stamp, made_of = package.with_name(".written"), _made_of()
    if stamp.exists() and stamp.read_text(encoding="utf-8") == made_of:
        return package
    package.parent.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    options = ["--meta", "none", "--overwrite", "--fail-on-warning"]
    places = ["--path", PUBLIC, "--output-path", package, "--config", _CONFIGURATION]
    subprocess.run(  # noqa: S603  # the generator, over files of ours
        [sys.executable, "-m", "openapi_python_client", "generate", *options, *map(str, places)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    # Last, so that a client that was only half written is written again.
    stamp.write_text(made_of, encoding="utf-8")
    return package


def _made_of() -> str:
    made_of = hashlib.sha256(version("openapi-python-client").encode())
    for path in (PUBLIC, _CONFIGURATION):
        made_of.update(path.read_bytes())
    return made_of.hexdigest()


if __name__ == "__main__":
    print(write_client().relative_to(ROOT))  # noqa: T201  # a command says what it wrote
