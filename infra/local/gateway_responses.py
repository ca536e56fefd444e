"""
Give the emulated gateway the answers that ``infra/openapi.yaml`` says it gives.

API Gateway imports ``x-amazon-apigateway-gateway-responses`` with the rest of the
document; the emulator does not, and would answer in its own words.
"""

from pathlib import Path
from typing import Any

import yaml

_OPENAPI = Path(__file__).parents[1] / "openapi.yaml"


def apply_gateway_responses(apigateway: Any, api_id: str, stage: str) -> None:
    """Put every gateway response of the contract and deploy *stage* with them (idempotent)."""
    document = yaml.safe_load(_OPENAPI.read_text(encoding="utf-8"))
    for kind, response in document["x-amazon-apigateway-gateway-responses"].items():
        status = {"statusCode": str(response["statusCode"])} if "statusCode" in response else {}
        apigateway.put_gateway_response(
            restApiId=api_id,
            responseType=kind,
            responseParameters=response["responseParameters"],
            responseTemplates=response["responseTemplates"],
            **status,
        )
    apigateway.create_deployment(restApiId=api_id, stageName=stage)
