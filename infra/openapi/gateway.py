"""What the gateway does itself: whom it lets in, whom it calls, what it answers alone."""

from infra.openapi.schemas import Schema

AUTHORIZER_FUNCTION = "AuthorizeRequestsFunction"
SECURITY_SCHEME = "Caller"
# For how long the gateway keeps what the authorizer said of a caller: so long a user who was
# disabled, or a key that was revoked, may still come in (infra/decisions/2026-11-24-api-keys.md).
ADMITTED_FOR_S = 60


def security_scheme() -> Schema:
    """Return who is let in: whoever our authorizer knows."""
    return {
        "type": "apiKey",
        "name": "Authorization",
        "in": "header",
        "description": "Bearer, and an access token of the user pool or an API key.",
        "x-amazon-apigateway-authtype": "custom",
        "x-amazon-apigateway-authorizer": {
            "type": "token",
            "authorizerUri": _invocation(AUTHORIZER_FUNCTION),
            "authorizerResultTtlInSeconds": ADMITTED_FOR_S,
        },
    }


def integration(logical_id: str) -> Schema:
    """Return how the gateway calls the function *logical_id* of the template."""
    return {
        "type": "aws_proxy",
        "httpMethod": "POST",
        "passthroughBehavior": "when_no_match",
        "uri": _invocation(logical_id),
    }


def _invocation(logical_id: str) -> Schema:
    arn = (
        "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31"
        f"/functions/${{{logical_id}.Arn}}/invocations"
    )
    return {"Fn::Sub": arn}


# Gateway response -> (status, code, sentence). The gateway answers these itself.
_GATEWAY_PROBLEMS: dict[str, tuple[int, str, str]] = {
    "UNAUTHORIZED": (401, "unauthenticated", "Sign in, or show an API key."),
    # Our authorizer knows callers, not routes: whom it denies everything is nobody.
    "ACCESS_DENIED": (401, "unauthenticated", "Sign in, or show an API key."),
    # What API Gateway calls a missing token is a path or method that does not exist.
    "MISSING_AUTHENTICATION_TOKEN": (404, "route_not_found", "There is nothing here."),
    "THROTTLED": (429, "throttled", "Too many requests; try again in a second."),
    "REQUEST_TOO_LARGE": (413, "body_too_large", "The body is too large."),
    "INTEGRATION_TIMEOUT": (504, "timeout", "This took too long; try again."),
}


def gateway_responses() -> Schema:
    """Return what the gateway answers without calling anybody."""
    named = {
        kind: {"statusCode": status, **_gateway_problem(status, code, detail)}
        for kind, (status, code, detail) in _GATEWAY_PROBLEMS.items()
    }
    return {
        **named,
        "DEFAULT_4XX": _gateway_problem(None, "request_refused", "The gateway refused this."),
        "DEFAULT_5XX": _gateway_problem(None, "internal_error", "Something failed; try again."),
    }


def _gateway_problem(status: int | None, code: str, detail: str) -> Schema:
    # A default answers under many statuses, and RFC 9457 lets the member be left out.
    members = [
        f'"type":"urn:carillon:problem:{code}"',
        f'"title":"{code.replace("_", " ").capitalize()}"',
        *([f'"status":{status}'] if status else []),
        f'"code":"{code}"',
        f'"detail":"{detail}"',
        '"correlation_id":"$context.requestId"',
    ]
    headers = {
        "gatewayresponse.header.Content-Type": "'application/problem+json'",
        "gatewayresponse.header.Cache-Control": "'no-store'",
        "gatewayresponse.header.X-Correlation-Id": "context.requestId",
    }
    if status == 401:
        headers["gatewayresponse.header.WWW-Authenticate"] = "'Bearer'"
    return {
        "responseParameters": headers,
        "responseTemplates": {"application/json": "{" + ",".join(members) + "}"},
    }
