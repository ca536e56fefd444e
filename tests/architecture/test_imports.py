"""
Who may import whom: the walls between the rooms, held by reading the sources.

Each row says what a room may import of ours and of others; the standard library is
open to all. A room inside another (``domain.phone``) has its own row.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "layers" / "core"
_AWS_AND_PROVIDERS = {
    "boto3",
    "botocore",
    "pynamodb",
    "aws_lambda_powertools",
    "urllib3",
    "liquid",
}

# Module prefix -> prefixes that it may import besides itself. The longest prefix counts.
MAY_IMPORT: dict[str, set[str]] = {
    "carillon.domain": {"carillon.domain"},
    "carillon.domain.phone": {"carillon.domain", "phonenumbers"},
    "carillon.domain.phone_zones": {"phonenumbers"},
    # Who expands recurrence rules has a library for it; what is stored of them needs none.
    "carillon.domain.occurrences": {"carillon.domain", "dateutil"},
    "carillon.ports": {"carillon.domain", "carillon.ports"},
    "carillon.usecases": {"carillon.domain", "carillon.ports", "carillon.usecases"},
    "carillon.adapters": {
        "carillon.domain",
        "carillon.ports",
        "carillon.adapters",
        *_AWS_AND_PROVIDERS,
    },
    # Who signs its webhooks with more than an HMAC has a library for it, and nobody else has.
    "carillon.adapters.providers.telnyx": {
        "carillon.domain",
        "carillon.adapters",
        "urllib3",
        "ecdsa",
    },
    "carillon.adapters.providers.vonage": {
        "carillon.domain",
        "carillon.adapters",
        "urllib3",
        "jwt",
    },
    "carillon.edge": {"carillon.domain.errors", "carillon.edge", "aws_lambda_powertools"},
    # A body is parsed once, at the edge, into a command of the domain, and the permission
    # table is the domain's: the HTTP half of the edge knows more of it than its errors.
    "carillon.edge.http": {"carillon.domain", "carillon.edge", "aws_lambda_powertools", "chalice"},
    "carillon.edge.acting": {"carillon.domain"},
    "carillon.edge.views": {"carillon.domain", "carillon.edge"},
    "carillon.edge.json_bodies": {"carillon.domain", "carillon.edge"},
    "carillon.settings": set(),
    "functions": {"carillon", "chalice", *_AWS_AND_PROVIDERS},
    "tests.unit": {
        "carillon.domain",
        "carillon.usecases",
        "tests.support",
        "pytest",
        "hypothesis",
    },
    # The numbering plan of libphonenumber is the oracle for our table of area codes.
    "tests.unit.test_whereabouts": {"carillon.domain", "phonenumbers", "pytest", "hypothesis"},
    # The bench is no room of the product; its arithmetic is tested like the domain's.
    "tests.unit.test_capacity_meter": {"tests.bench", "pytest"},
}


def _modules() -> Iterator[tuple[str, Path]]:
    for base, folder in (
        (CORE, CORE / "carillon"),
        (ROOT, ROOT / "functions"),
        (ROOT, ROOT / "tests" / "unit"),
    ):
        for path in sorted(folder.rglob("*.py")):
            yield ".".join(path.relative_to(base).with_suffix("").parts), path


MODULES = dict(_modules())


def _imported(path: Path) -> Iterator[tuple[str, int]]:
    """Yield (module, line) of every import, also those inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((name.name, node.lineno) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: import by full name"
            yield from ((f"{node.module}.{name.name}", node.lineno) for name in node.names)


def _below(module: str, prefix: str) -> bool:
    return module == prefix or module.startswith(f"{prefix}.")


def _rule_of(module: str) -> set[str]:
    rules = [prefix for prefix in MAY_IMPORT if _below(module, prefix)]
    assert rules, f"{module} is in no room"
    return MAY_IMPORT[max(rules, key=len)]


@pytest.mark.parametrize("module", [m for m in MODULES if m != "carillon.__init__"])
def test_a_room_imports_only_what_its_wall_lets_through(module: str) -> None:
    allowed = _rule_of(module)

    for imported, line in _imported(MODULES[module]):
        standard = imported.partition(".")[0] in sys.stdlib_module_names
        let_through = imported == "carillon" or any(_below(imported, wall) for wall in allowed)
        assert standard or let_through, f"{module}:{line} imports {imported}"


def test_functions_never_import_each_other() -> None:
    for module, path in MODULES.items():
        for imported, line in _imported(path):
            assert module.startswith("tests") or not _below(imported, "functions"), (module, line)


def test_a_function_is_one_short_file() -> None:
    """Past about 200 lines logic is leaking into the adapter, or the function should split."""
    sizes = {
        module: len(path.read_text().splitlines())
        for module, path in MODULES.items()
        if module.startswith("functions.")
    }
    # The people's APIs are lists of routes, each of them one call.
    limits = {
        "functions.campaigns_api.app": 380,
        "functions.consent_api.app": 250,
        "functions.contacts_api.app": 300,
        "functions.conversations_api.app": 360,
        # All that sending stands on is composed here.
        "functions.send_messages.app": 230,
    }

    assert [module for module in sizes if not module.endswith(".app")] == []
    assert [module for module, size in sizes.items() if size > limits.get(module, 220)] == []


def test_no_function_reads_its_environment_or_builds_a_client_at_import() -> None:
    for module, path in MODULES.items():
        if not module.startswith("functions."):
            continue
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom):
                continue
            called = {
                ast.unparse(n) for n in ast.walk(node) if isinstance(n, ast.Attribute | ast.Name)
            }
            assert called.isdisjoint(
                {
                    "os.environ",
                    "os.getenv",
                    "from_env",
                    "settings.from_env",
                    "client",
                    "boto3.client",
                }
            ), module
