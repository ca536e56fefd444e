"""
Give the emulated gateway the answers that ``infra/openapi.yaml`` says it gives.

API Gateway imports ``x-amazon-apigateway-gateway-responses`` with the rest of the
document; the emulator does not, and would answer in its own words.
"""

from pathlib import Path
from typing import Any

from infra.local.documents import read_yaml


def apply_gateway_responses(apigateway: Any, document: Path, api_id: str, stage: str) -> None:
    """Put every gateway response of *document* and deploy *stage* with them (idempotent)."""
    responses = read_yaml(document).get("x-amazon-apigateway-gateway-responses", {})
    for kind, response in responses.items():
        changed = {key: value for key, value in response.items() if key != "statusCode"}
        if "statusCode" in response:
            changed["statusCode"] = str(response["statusCode"])
        apigateway.put_gateway_response(restApiId=api_id, responseType=kind, **changed)
    apigateway.create_deployment(restApiId=api_id, stageName=stage)
