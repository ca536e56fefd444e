"""
Write ``infra/openapi.yaml``: the HTTP contract, from the routes themselves.

    python -m infra.openapi           write it
    python -m infra.openapi --check   exit 1 when the file is not what the code says

The file is the DefinitionBody of the REST API (AWS::Include), hence OpenAPI 3.0.1
(API Gateway imports 2.0 and 3.0, not 3.1) and the long form of intrinsic functions.
``answers`` has a module of schemas for each API.
"""

from pathlib import Path

from infra.openapi.document import API_FUNCTIONS, DASHBOARD_FUNCTION, document, rendered, served
from infra.openapi.gateway import AUTHORIZER_FUNCTION, SECURITY_SCHEME

OUTPUT = Path(__file__).parents[1] / "openapi.yaml"

__all__ = [
    "API_FUNCTIONS",
    "AUTHORIZER_FUNCTION",
    "DASHBOARD_FUNCTION",
    "OUTPUT",
    "SECURITY_SCHEME",
    "document",
    "rendered",
    "served",
]
