"""
Serve the dashboard: one page, its static files and its configuration, on the API's own origin.

    GET /                 index.html
    GET /config.json      what the page needs to sign a person in
    GET /reference        the HTTP API for a reader, drawn from
    GET /openapi.json     the contract, OpenAPI 3.1 (written by infra/openapi)
    GET /assets/{file}    a file of ``assets/``, from an allow-list built at start

The page uses relative addresses only, because the REST API puts a stage before
every path. Nothing here is secret: figures come from ``/v1`` with a token.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from carillon.settings import Dashboard, from_env

ASSETS = Path(__file__).parent / "assets"

_CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml; charset=utf-8",
}
# Kept by the browser, but asked about each time: a new deployment shows at once.
_REVALIDATE = "no-cache"


@dataclass(frozen=True)
class StaticFile:
    """One response body that is the same for everybody; ``etag`` has its quotes."""

    body: str
    content_type: str
    etag: str


@dataclass(frozen=True)
class Site:
    """Everything the page is made of, read once."""

    page: StaticFile
    config: StaticFile
    reference: StaticFile
    contract: StaticFile
    assets: Mapping[str, StaticFile]
    headers: Mapping[str, str]


@cache
def build() -> Site:
    """Return the site as this deployment's environment configures it."""
    return site_for(from_env(Dashboard))


def site_for(settings: Dashboard) -> Site:
    """Return the site for *settings*; every file is read here, none per request."""
    assets = {path.name: _file(path) for path in sorted(ASSETS.iterdir()) if path.is_file()}
    config = {
        "organisation": settings.organisation_name,
        "client_id": settings.user_pool_client_id,
        "identity_endpoint": settings.identity_endpoint,
    }
    return Site(
        page=assets.pop("index.html"),
        config=_static(json.dumps(config), "application/json"),
        reference=assets.pop("reference.html"),
        contract=assets.pop("openapi.json"),
        assets=assets,
        headers=_security_headers(settings.identity_endpoint),
    )


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer one REST API request (payload 1.0) with a file, 304, a redirect or a 404 problem."""
    site = build()
    resource = event["resource"]
    if resource == "/":
        return _to_the_slash(event, site) or _answer(event, site, site.page)
    named = {
        "/config.json": site.config,
        "/reference": site.reference,
        "/openapi.json": site.contract,
    }
    if resource in named:
        return _answer(event, site, named[resource])
    name = (event.get("pathParameters") or {}).get("file", "")
    file = site.assets.get(name)
    return _answer(event, site, file) if file else _not_found(site)


def _file(path: Path) -> StaticFile:
    return _static(path.read_text("utf-8"), _CONTENT_TYPES[path.suffix])


def _static(body: str, content_type: str) -> StaticFile:
    digest = hashlib.sha256(body.encode()).hexdigest()[:32]
    return StaticFile(body, content_type, f'"{digest}"')


def _security_headers(identity_endpoint: str) -> dict[str, str]:
    """
    Return what every answer carries.

    Trusted Types make the browser itself refuse markup built from text, so a
    campaign's title can never become an element.
    """
    identity = urlsplit(identity_endpoint)
    policy = [
        "default-src 'self'",
        f"connect-src 'self' {identity.scheme}://{identity.netloc}",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "object-src 'none'",
        "require-trusted-types-for 'script'",
    ]
    return {
        "Content-Security-Policy": "; ".join(policy),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Strict-Transport-Security": "max-age=31536000",
    }


def _answer(event: Mapping[str, Any], site: Site, file: StaticFile) -> dict[str, Any]:
    headers = {**site.headers, "ETag": file.etag, "Cache-Control": _REVALIDATE}
    if file.etag in _header(event, "if-none-match"):
        return {"statusCode": 304, "headers": headers, "body": ""}
    headers["Content-Type"] = file.content_type
    return {"statusCode": 200, "headers": headers, "body": file.body}


def _to_the_slash(event: Mapping[str, Any], site: Site) -> dict[str, Any] | None:
    """
    Return a redirect to ``/<stage>/`` when the page was asked for without its last slash.

    Relative addresses would miss the stage there. The query marks what was
    already redirected, so that a proxy that strips slashes cannot loop.
    """
    path = event["requestContext"].get("path", "/")
    if path.endswith("/") or "slash" in (event.get("queryStringParameters") or {}):
        return None
    location = f"/{path.strip('/')}/?slash"
    headers = {**site.headers, "Location": location, "Cache-Control": "no-store"}
    return {"statusCode": 308, "headers": headers, "body": ""}


def _not_found(site: Site) -> dict[str, Any]:
    problem = {
        "type": "urn:carillon:problem:not_found",
        "title": "Not Found",
        "status": 404,
        "detail": "The dashboard has no such file.",
        "code": "not_found",
    }
    headers = {
        **site.headers,
        "Content-Type": "application/problem+json",
        "Cache-Control": "no-store",
    }
    return {"statusCode": 404, "headers": headers, "body": json.dumps(problem)}


def _header(event: Mapping[str, Any], name: str) -> str:
    """Return the value of a header, whatever its case; empty when absent."""
    headers: Mapping[str, str] = event.get("headers") or {}
    return next((value for key, value in headers.items() if key.lower() == name), "")
