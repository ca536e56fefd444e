"""
Write the HTTP contract, from the routes themselves, in two renderings.

    python -m infra.openapi           write both
    python -m infra.openapi --check   exit 1 when a file is not what the code says

``infra/openapi.yaml`` is the DefinitionBody of the REST API (AWS::Include), hence OpenAPI
3.0.1 (API Gateway imports 2.0 and 3.0, not 3.1) and the long form of intrinsic functions.
``functions/dashboard/assets/openapi.json`` is OpenAPI 3.1 for readers and tools: served as
``/openapi.json``, shown by ``/reference``, and what the Python client is made of.
``answers`` has a module of schemas for each API, ``problems`` the catalogue of codes.
"""

from pathlib import Path

from infra.openapi.document import API_FUNCTIONS, DASHBOARD_FUNCTION, document, rendered, served
from infra.openapi.gateway import AUTHORIZER_FUNCTION, SECURITY_SCHEME
from infra.openapi.public import public_document, public_rendered

OUTPUT = Path(__file__).parents[1] / "openapi.yaml"
PUBLIC = Path(__file__).parents[2] / "functions" / "dashboard" / "assets" / "openapi.json"

__all__ = [
    "API_FUNCTIONS",
    "AUTHORIZER_FUNCTION",
    "DASHBOARD_FUNCTION",
    "OUTPUT",
    "PUBLIC",
    "SECURITY_SCHEME",
    "document",
    "public_document",
    "public_rendered",
    "rendered",
    "served",
]
