"""
Every function starts with nothing but what `make build` puts into its layers.

The tests' own environment holds every library there is and would hide a missing one,
so this runs a Python that sees the built layers, and boto3, which Lambda brings.
"""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / ".aws-sam" / "build"
FOLDERS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py"))
# What Lambda's Python has besides the standard library.
_OF_LAMBDA = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")
# Imports the adapter that is loaded at the first merge field, too.
_START = """
import sys
sys.path[:0] = sys.argv[1:]
import app
assert callable(app.lambda_handler)
import carillon.adapters.liquid_reader
"""

_PYTHON = (sys.executable, "-I", "-S")

pytestmark = pytest.mark.skipif(
    not (BUILT / "VendorLayer").is_dir(), reason="the layers are not built (make build)"
)


@pytest.fixture(scope="module")
def of_lambda(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with Lambda's own libraries and no others."""
    folder = tmp_path_factory.mktemp("lambda")
    for name in _OF_LAMBDA:
        spec = find_spec(name)
        assert spec, name
        assert spec.origin, name
        origin = Path(spec.origin)
        source = origin.parent if origin.name == "__init__.py" else origin
        (folder / source.name).symlink_to(source)
    return folder


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_function_starts_on_the_built_layers(folder: str, of_lambda: Path) -> None:
    paths = [
        ROOT / "functions" / folder,
        BUILT / "CoreLayer" / "python",
        BUILT / "VendorLayer" / "python",
        of_lambda,
    ]

    started = subprocess.run(
        # What one compiles the next one reads, and no build is written to.
        [*_PYTHON, "-X", f"pycache_prefix={of_lambda.parent / 'compiled'}", "-c", _START]
        + [str(path) for path in paths],
        env={"PATH": os.environ["PATH"], "AWS_DEFAULT_REGION": "us-east-1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert started.returncode == 0, started.stderr


def test_the_layers_are_a_fraction_of_what_lambda_unpacks() -> None:
    """The limit is 250 MB for all; a cold start pays for every one of them."""
    size = sum(
        path.stat().st_size
        for layer in ("CoreLayer", "VendorLayer")
        for path in (BUILT / layer).rglob("*")
        if path.is_file()
    )

    assert size < 15_000_000
