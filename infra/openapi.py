"""
Write ``infra/openapi.yaml``: the HTTP contract, from the routes themselves.

    python -m infra.openapi           write it
    python -m infra.openapi --check   exit 1 when the file is not what the code says

The file is the DefinitionBody of the REST API (AWS::Include), hence OpenAPI 3.0.1
(API Gateway imports 2.0 and 3.0, not 3.1) and the long form of intrinsic functions.
Of schemas API Gateway takes less than OpenAPI allows (its "important notes"): no
``nullable``, ``oneOf``, ``anyOf``, ``additionalProperties``, ``example`` and no
described arrays. What may be null is therefore not ``required``, and says so.
"""

import dataclasses
import json
import sys
import types
from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import yaml

from carillon.domain.campaign import Action, Campaign, Sender, Unsolicited
from carillon.domain.canned import CannedReply
from carillon.domain.commands import Between, Command, Entries, Length, OneOf
from carillon.domain.consent import Circumstances, ConsentEntry, ConsentSource, OptOut
from carillon.domain.consent_jobs import BulkOutcome, ExportStatus
from carillon.domain.contact_list import ImportRecord, ListRecord
from carillon.domain.contacts import ImportStatus
from carillon.domain.conversation import Conversation, Section
from carillon.domain.evidence import MessageKind
from carillon.domain.hours import ActiveHours
from carillon.domain.knowledge import KnowledgeEntry
from carillon.domain.lead import LeadStatus
from carillon.domain.lead_list import LeadGroup
from carillon.domain.metrics import Health
from carillon.domain.organisation import Office, OrganisationPolicy
from carillon.domain.performance import CAUSES
from carillon.domain.permissions import PERMISSIONS, Role, Scope
from carillon.domain.significance import Verdict
from carillon.domain.transcript import TranscriptMessage
from carillon.edge.http import DEFAULT_PAGE, MAX_PAGE, Endpoint, endpoints
from carillon.usecases.manage_campaigns import TABS
from carillon.usecases.manage_conversations import MAX_WAIT_S
from carillon.usecases.manage_knowledge import Trial
from carillon.usecases.reply_in_conversation import ReplyPreview

OUTPUT = Path(__file__).with_name("openapi.yaml")
# Function folder -> logical id in template.yaml.
API_FUNCTIONS = {
    "campaigns_api": "CampaignsApiFunction",
    "analytics_api": "AnalyticsApiFunction",
    "consent_api": "ConsentApiFunction",
    "conversations_api": "ConversationsApiFunction",
}
DASHBOARD_FUNCTION = "DashboardFunction"
SECURITY_SCHEME = "Cognito"
# Only an access token carries it, so an ID token is refused by the gateway.
SCOPE = "aws.cognito.signin.user.admin"

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer"}
_NUMBER: Schema = {"type": "number"}
_FLAG: Schema = {"type": "boolean"}
_OBJECT: Schema = {"type": "object"}
_QUERY: dict[str, Schema] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": DEFAULT_PAGE},
    "cursor": _TEXT,
    "tab": {"type": "string", "enum": list(TABS), "default": "active"},
    "preset": _TEXT,
    "from": _TEXT,
    "to": _TEXT,
    "zone": _TEXT,
    "status": {"type": "string", "enum": [group.value for group in LeadGroup]},
    "sender_id": _TEXT,
    "reason": _TEXT,
    "phone": _TEXT,
    "confirmed_by_contact": _FLAG,
    "section": {"type": "string", "enum": [section.value for section in Section]},
    **dict.fromkeys(("office_id", "campaign_id", "assigned_to", "tag", "q", "after"), _TEXT),
    "opted_out": _FLAG,
    "force": _FLAG,
    "wait_s": {"type": "integer", "minimum": 0, "maximum": MAX_WAIT_S, "default": 0},
}


def document() -> Schema:
    """Return the whole OpenAPI document."""
    return {
        "openapi": "3.0.1",
        "info": {
            "title": "Carillon",
            "version": "1",
            "description": "Text-messaging campaigns. Written by infra/openapi.py; do not edit.",
        },
        "paths": _paths(),
        "components": {
            "schemas": dict(sorted(_schemas().items())),
            "securitySchemes": {SECURITY_SCHEME: _security_scheme()},
        },
        "x-amazon-apigateway-gateway-responses": _gateway_responses(),
    }


def served() -> Iterator[tuple[str, Endpoint, str, str]]:
    """Yield (logical id, endpoint, view's name, first line of its docstring) of every API route."""
    for folder, logical_id in API_FUNCTIONS.items():
        app = import_module(f"functions.{folder}.app").app
        for endpoint in endpoints(app):
            view = app.routes[endpoint.path][endpoint.method].view_function
            yield logical_id, endpoint, view.__name__, (view.__doc__ or "").strip().split("\n")[0]


def rendered() -> str:
    """Return the document as YAML without anchors, which AWS::Include does not take."""

    unshared = json.loads(json.dumps(document()))
    text: str = yaml.safe_dump(unshared, sort_keys=False, width=100, allow_unicode=True)
    return text


def _paths() -> Schema:
    paths: dict[str, Schema] = {}
    for logical_id, endpoint, name, summary in served():
        operation = _operation(logical_id, endpoint, name, summary)
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = operation
    for path, name in (("/", "Page"), ("/config.json", "Config"), ("/assets/{file}", "Asset")):
        paths[path] = {"get": _dashboard_operation(path, name)}
    return dict(sorted(paths.items()))


def _operation(logical_id: str, endpoint: Endpoint, name: str, summary: str) -> Schema:
    operation: Schema = {
        "operationId": _camel(name),
        "summary": summary,
        "description": _who_may(endpoint),
        "tags": [endpoint.path.split("/")[2]],
        "parameters": _parameters(endpoint),
        "responses": _responses(endpoint),
        "security": [{SECURITY_SCHEME: [SCOPE]}],
        "x-amazon-apigateway-integration": _integration(logical_id),
    }
    if endpoint.takes is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _ref(endpoint.takes.__name__)}},
        }
    return operation


def _dashboard_operation(path: str, name: str) -> Schema:
    return {
        "operationId": f"showDashboard{name}",
        "summary": f"The dashboard: {path}",
        "tags": ["dashboard"],
        "parameters": [_path_parameter("file")] if "{file}" in path else [],
        "responses": {"200": {"description": "OK"}},
        "x-amazon-apigateway-integration": _integration(DASHBOARD_FUNCTION),
    }


def _parameters(endpoint: Endpoint) -> list[Schema]:
    names = [part[1:-1] for part in endpoint.path.split("/") if part.startswith("{")]
    parameters = [_path_parameter(name) for name in names]
    parameters += [
        {"name": name, "in": "query", "required": False, "schema": _QUERY[name]}
        for name in endpoint.query
    ]
    if endpoint.if_match:
        about = "The ETag of the version that you change."
        parameters.append(_header_parameter("If-Match", about, required=True))
    if endpoint.method == "POST":
        about = "Repeat a request under the same key, and it is done once."
        parameters.append(_header_parameter("Idempotency-Key", about, required=False))
    return parameters


def _path_parameter(name: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": _TEXT}


def _header_parameter(name: str, about: str, *, required: bool) -> Schema:
    return {
        "name": name,
        "in": "header",
        "required": required,
        "description": about,
        "schema": _TEXT,
    }


def _responses(endpoint: Endpoint) -> Schema:
    # API Gateway takes no $ref for a whole response, and "default" is not imported as one.
    codes = ["400", "401", "403", "429", "500"]
    codes += ["404"] if "{" in endpoint.path else []
    codes += ["409"] if endpoint.method != "GET" else []
    codes += ["412", "428"] if endpoint.if_match else []
    codes += ["413", "415"] if endpoint.takes else []
    problem = {"application/problem+json": {"schema": _ref("Problem")}}
    answer = {"application/json": {"schema": _ref(endpoint.gives)}}
    return {
        str(endpoint.status): {"description": "OK", "content": answer},
        **{code: {"description": "Problem", "content": problem} for code in sorted(codes)},
    }


def _who_may(endpoint: Endpoint) -> str:
    row = PERMISSIONS[(endpoint.method, endpoint.path)]
    reach = {Scope.ALL: "all offices", Scope.OWN: "own offices"}
    who = [f"{role} ({reach[row[role]]})" for role in Role if row[role] in reach]
    return f"For {', '.join(who)}."


def _integration(logical_id: str) -> Schema:
    arn = (
        "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31"
        f"/functions/${{{logical_id}.Arn}}/invocations"
    )
    return {
        "type": "aws_proxy",
        "httpMethod": "POST",
        "passthroughBehavior": "when_no_match",
        "uri": {"Fn::Sub": arn},
    }


def _security_scheme() -> Schema:
    return {
        "type": "apiKey",
        "name": "Authorization",
        "in": "header",
        "x-amazon-apigateway-authtype": "cognito_user_pools",
        "x-amazon-apigateway-authorizer": {
            "type": "cognito_user_pools",
            "providerARNs": [{"Fn::GetAtt": ["UserPool", "Arn"]}],
        },
    }


# Gateway response -> (status, code, sentence). The gateway answers these itself.
_GATEWAY_PROBLEMS: dict[str, tuple[int, str, str]] = {
    "UNAUTHORIZED": (401, "unauthenticated", "Sign in with an access token."),
    # What API Gateway calls a missing token is a path or method that does not exist.
    "MISSING_AUTHENTICATION_TOKEN": (404, "route_not_found", "There is nothing here."),
    "ACCESS_DENIED": (403, "forbidden", "This is not allowed."),
    "THROTTLED": (429, "throttled", "Too many requests; try again in a second."),
    "REQUEST_TOO_LARGE": (413, "body_too_large", "The body is too large."),
    "INTEGRATION_TIMEOUT": (504, "timeout", "This took too long; try again."),
}


def _gateway_responses() -> Schema:
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


def _schemas() -> dict[str, Schema]:
    takes = {endpoint.takes for _, endpoint, _, _ in served() if endpoint.takes is not None}
    return {**{command.__name__: _command_schema(command) for command in takes}, **_ANSWERS}


def _command_schema(command: type[Command]) -> Schema:
    hints = get_type_hints(command, include_extras=True)
    properties = {
        field.name: _hinted(hints[field.name], "May be left out; null is refused.")
        for field in dataclasses.fields(command)
    }
    required = [
        field.name
        for field in dataclasses.fields(command)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]
    return _object(properties, required)


def _of(entity: type[Any], *, without: frozenset[str] = frozenset(), **plus: Schema) -> Schema:
    """Return the schema of an answer that shows *entity*'s fields, some left out, some added."""
    hints = {name: hint for name, hint in get_type_hints(entity).items() if name not in without}
    required = [name for name, hint in hints.items() if types.NoneType not in get_args(hint)]
    properties = {name: _hinted(hint) for name, hint in hints.items()}
    return _object({**properties, **plus}, [*required, *plus])


def _with(schema: Schema, **optional: Schema) -> Schema:
    """Return *schema* with properties that may be absent."""
    return {**schema, "properties": {**schema["properties"], **optional}}


def _hinted(hint: Any, when_none: str = "Null or absent.") -> Schema:
    origin = get_origin(hint)
    if origin is Annotated:
        base, *limits = get_args(hint)
        return _limited(_hinted(base, when_none), limits)
    if origin in (Union, types.UnionType):
        inner = _hinted(next(arm for arm in get_args(hint) if arm is not types.NoneType))
        # Said where API Gateway lets it be said.
        return inner if inner["type"] == "array" else {**inner, "description": when_none}
    if origin is tuple:
        return {"type": "array", "items": _hinted(get_args(hint)[0])}
    if dataclasses.is_dataclass(hint) and hint not in _SIMPLE:
        fields = get_type_hints(hint)
        return _object({name: _hinted(inner) for name, inner in fields.items()}, list(fields))
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return {"type": "string", "enum": [member.value for member in hint]}
    return dict(_SIMPLE[origin or hint])


_SIMPLE: dict[Any, Schema] = {
    str: _TEXT,
    int: _COUNT,
    float: _NUMBER,
    bool: _FLAG,
    datetime: {"type": "string", "format": "date-time"},
    dict: _OBJECT,
    Mapping: _OBJECT,
    # Written as domain.hours takes it.
    ActiveHours: _OBJECT,
    Unsolicited: {
        "type": "object",
        "properties": {
            "to": {"type": "string", "enum": ["office", "agents"]},
            "agents": {"type": "array", "items": _TEXT},
        },
        "required": ["to"],
    },
}


def _limited(schema: Schema, limits: list[Any]) -> Schema:
    for limit in limits:
        match limit:
            case Length(low, high):
                schema |= {"minLength": low, "maxLength": high}
            case Between(low, high):
                schema |= {"minimum": low, "maximum": high}
            case OneOf(values):
                schema |= {"enum": list(values)}
            case Entries(high, each) if schema["type"] == "array":
                items = {**schema["items"], "minLength": 1, "maxLength": each}
                schema |= {"maxItems": high, "items": items}
    return schema


def _object(properties: Mapping[str, Schema], required: list[str]) -> Schema:
    schema: Schema = {"type": "object", "properties": dict(properties)}
    return {**schema, "required": required} if required else schema


def _array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _page_of(name: str) -> Schema:
    return _object({"items": _array(_ref(name)), "next_cursor": _TEXT}, ["items"])


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _enum(kind: type[StrEnum]) -> Schema:
    return {"type": "string", "enum": [member.value for member in kind]}


_VARIANT_COUNTS = ("submitted", "delivered", "failed", "responded", "opted_out")
_SENT_COUNTS: dict[str, Schema] = dict.fromkeys(("sent", "delivered", "failed", "segments"), _COUNT)
_TIME: Schema = {"type": "string", "format": "date-time"}
_UPLOAD = _object({"method": _TEXT, "url": _TEXT, "headers": _OBJECT}, ["method", "url", "headers"])
# What is known of the circumstances of an opt-in or opt-out.
_TOLD: dict[str, Schema] = dict.fromkeys(get_type_hints(Circumstances), _TEXT)
_ANSWERS: dict[str, Schema] = {
    "Problem": _object(
        {
            "type": _TEXT,
            "title": _TEXT,
            "status": _COUNT,
            "code": _TEXT,
            "detail": _TEXT,
            "field": _TEXT,
            "correlation_id": _TEXT,
            # What an error knows beyond that (RFC 9457 calls these extension members).
            "state": _TEXT,
            "allowed_actions": _array(_TEXT),
            "missing": _array(_TEXT),
            "fields": _array(_TEXT),
            "version": _COUNT,
            "line": _COUNT,
            "column": _COUNT,
        },
        ["type", "title", "code", "correlation_id"],
    ),
    "Me": _object(
        {
            "subject": _TEXT,
            "role": {"type": "string", "enum": [role.value for role in Role]},
            "offices": _array(_TEXT),
        },
        ["subject", "role", "offices"],
    ),
    "Office": _of(Office),
    "OfficeList": _page_of("Office"),
    "Policy": _of(OrganisationPolicy),
    "Sender": _with(
        _of(Sender, without=frozenset({"credentials_secret"})),
        # Absent while nothing is wrong with it.
        problem_reason=_TEXT,
    ),
    "SenderList": _page_of("Sender"),
    "ContactList": _of(ListRecord, without=frozenset({"shards"})),
    "ContactListList": _page_of("ContactList"),
    "Import": _of(
        ImportRecord, without=frozenset({"object_key", "rejected_key"}), has_rejected=_FLAG
    ),
    "NewImport": _object(
        {
            "import": _ref("Import"),
            "upload": _UPLOAD,
        },
        ["import", "upload"],
    ),
    "Link": _object({"url": _TEXT}, ["url"]),
    "Campaign": _of(
        Campaign,
        tab={"type": "string", "enum": list(TABS)},
        allowed_actions=_array({"type": "string", "enum": [action.value for action in Action]}),
        missing_for_launch=_array(_TEXT),
    ),
    "CampaignList": _page_of("Campaign"),
    "Queued": _object({"campaign_id": _TEXT, "status": _TEXT}, ["campaign_id", "status"]),
    "KnowledgeEntry": _of(KnowledgeEntry),
    "KnowledgeList": _page_of("KnowledgeEntry"),
    "Removed": _object({"id": _TEXT}, ["id"]),
    "Trial": _of(Trial),
    "CampaignMetrics": _object(
        {
            "campaign_id": _TEXT,
            "as_of": _TEXT,
            "status": _TEXT,
            "metrics": _OBJECT,
            "failures": _array(_OBJECT),
            "costs": _array(_object({"currency": _TEXT, "cost_micros": _COUNT}, [])),
            "follow_ups": _object({"submitted": _COUNT, "delivered": _COUNT, "failed": _COUNT}, []),
            "links": _array(
                _object(
                    {"name": _TEXT, "url": _TEXT, "clicks": _COUNT, "machine_clicks": _COUNT}, []
                )
            ),
            "activity": _array(_OBJECT),
            "recount": _OBJECT,
        },
        ["campaign_id", "as_of", "status", "metrics", "failures", "activity"],
    ),
    "CampaignVariants": _object(
        {
            "campaign_id": _TEXT,
            "as_of": _TEXT,
            "variants": _array(_ref("VariantResult")),
            "test": _object({"name": _TEXT, "alpha": _NUMBER, "min_per_variant": _COUNT}, []),
            "response_rate": _ref("Comparison"),
            "delivery_rate": _ref("Comparison"),
        },
        ["campaign_id", "as_of", "variants", "test", "response_rate", "delivery_rate"],
    ),
    "VariantResult": _object(
        {
            "variant": _TEXT,
            **dict.fromkeys(_VARIANT_COUNTS, _COUNT),
            # Null while there is nothing that they could be of.
            **dict.fromkeys(("delivery_rate", "response_rate", "opt_out_rate"), _NUMBER),
        },
        ["variant", *_VARIANT_COUNTS],
    ),
    "Comparison": _object(
        {"verdict": _enum(Verdict), "winner": _TEXT, "p_value": _NUMBER}, ["verdict"]
    ),
    "SenderPerformance": _object(
        {
            "sender_id": _TEXT,
            "as_of": _TEXT,
            "lifetime": _object({**_SENT_COUNTS, "success_rate": _NUMBER}, [*_SENT_COUNTS]),
            "last_30_days": _object(
                {"from": _TEXT, **_SENT_COUNTS, "success_rate": _NUMBER}, ["from", *_SENT_COUNTS]
            ),
            "success_rate": _NUMBER,
            "health": _enum(Health),
            "causes": _array(_ref("FailureCause")),
        },
        ["sender_id", "as_of", "lifetime", "last_30_days", "causes"],
    ),
    "FailureCause": _object(
        {
            "cause": {"type": "string", "enum": [*CAUSES]},
            "advice": _TEXT,
            "count": _COUNT,
            "codes": _array(
                _object({"code": _TEXT, "reason": _TEXT, "count": _COUNT}, ["code", "count"])
            ),
        },
        ["cause", "count", "codes"],
    ),
    "ListedLead": _object(
        {
            "key": _TEXT,
            "phone": _TEXT,
            "status": _enum(LeadStatus),
            "ambiguous": _FLAG,
            "partial": _FLAG,
            "sender_id": _TEXT,
            "last_action_at": {"type": "string", "format": "date-time"},
            "attempts": _COUNT,
            "variant": _TEXT,
            "steps_left": _COUNT,
            "reason": _object({"code": _TEXT, "reason": _TEXT, "advice": _TEXT}, ["code"]),
        },
        ["key", "status", "ambiguous", "partial", "sender_id", "last_action_at", "attempts"],
    ),
    "LeadList": _object(
        {"as_of": _TEXT, "items": _array(_ref("ListedLead")), "next_cursor": _TEXT},
        ["as_of", "items"],
    ),
    "AnalyticsSummary": _OBJECT,
    "WhyTexted": _object(
        {
            "campaign_id": _TEXT,
            "phone": _TEXT,
            "as_of": _TIME,
            "place": _object(
                {
                    "zones": _array(_TEXT),
                    "jurisdictions": _array(_TEXT),
                    "evidence": _TEXT,
                    "derived": _FLAG,
                },
                ["zones", "jurisdictions", "evidence", "derived"],
            ),
            "policy": _object(
                {
                    "active_hours": _OBJECT,
                    "max_contacts_per_24h": _COUNT,
                    "max_contacts_per_week": _COUNT,
                    "since": _TIME,
                    "derived": _FLAG,
                },
                ["derived"],
            ),
            "law_pack": _object({"version": _TEXT, "derived": _FLAG}, ["version", "derived"]),
            "messages": _array(_ref("ExplainedMessage")),
        },
        ["campaign_id", "phone", "as_of", "place", "policy", "law_pack", "messages"],
    ),
    "ExplainedMessage": _object(
        {
            "kind": _enum(MessageKind),
            "step": _COUNT,
            "status": _enum(LeadStatus),
            **dict.fromkeys(("purpose", "author", "claim_id", "provider_id", "currency"), _TEXT),
            "reason": _object({"code": _TEXT, "reason": _TEXT, "advice": _TEXT}, ["code"]),
            **dict.fromkeys(("attempts", "segments", "cost_micros"), _COUNT),
            **dict.fromkeys(("claimed_at", "submitted_at", "final_at"), _TIME),
            "consent": _object(
                {
                    "opted_out": _FLAG,
                    "entry": _ref("ConsentEntry"),
                    "later": _array(_ref("ConsentEntry")),
                },
                ["opted_out", "later"],
            ),
            # A campaign's messages have the rest, answers the sender alone.
            "content": _object(
                {
                    "version": _COUNT,
                    "variant": _TEXT,
                    "text_digest": _TEXT,
                    "changed_since": _FLAG,
                },
                ["version", "changed_since"],
            ),
            "window": _object(
                {
                    "was_open": _FLAG,
                    "opens_at": _TIME,
                    "closes_at": _TIME,
                    "closed_by": _array(_TEXT),
                    "changed_since": _FLAG,
                    "derived": _FLAG,
                },
                ["was_open", "closed_by", "changed_since", "derived"],
            ),
            "rules": _array(
                _object(
                    dict.fromkeys(("id", "jurisdiction", "summary", "source", "source_url"), _TEXT),
                    ["id"],
                )
            ),
            "caps": _array(
                _object(
                    {"most": _COUNT, "within_s": _COUNT, "counted": _COUNT, "derived": _FLAG},
                    ["most", "within_s", "derived"],
                )
            ),
            "sender": _object(
                {
                    "id": _TEXT,
                    "chosen_by": _TEXT,
                    "candidates": _array(_TEXT),
                    "derived": _FLAG,
                },
                ["id", "chosen_by"],
            ),
        },
        ["kind", "step", "status", "attempts", "claimed_at", "segments", "consent", "sender"],
    ),
    "OptOut": _of(OptOut),
    "OptOutList": _page_of("OptOut"),
    "ConsentEntry": _with(_of(ConsentEntry, without=frozenset({"circumstances"})), **_TOLD),
    "Consent": _object(
        {
            "phone": _TEXT,
            "opted_out": _FLAG,
            "since": _TIME,
            "source": _enum(ConsentSource),
            "cause": _TEXT,
            "entries": _array(_ref("ConsentEntry")),
            "next_cursor": _TEXT,
        },
        ["phone", "opted_out", "entries"],
    ),
    "OptOutImport": _object(
        {
            **dict.fromkeys(("id", "reason", "created_by"), _TEXT),
            **dict.fromkeys(("size", "offset", "rows", *BulkOutcome), _COUNT),
            "status": _enum(ImportStatus),
            "created_at": _TIME,
            "invalid_reasons": _OBJECT,
            "mapping": _OBJECT,
            "headers": _array(_TEXT),
            "has_rejected": _FLAG,
            "started_at": _TIME,
            "error_code": _TEXT,
            "error": _TEXT,
        },
        ["id", "status", "reason", "created_at", "created_by", "rows", *BulkOutcome],
    ),
    "OptOutUpload": _object(
        {"import": _ref("OptOutImport"), "upload": _UPLOAD}, ["import", "upload"]
    ),
    "OptOutExport": _object(
        {
            "id": _TEXT,
            "status": _enum(ExportStatus),
            "created_at": _TIME,
            "created_by": _TEXT,
            "rows": _COUNT,
            # Once it is done.
            "url": _TEXT,
        },
        ["id", "status", "created_at", "created_by", "rows"],
    ),
    "Conversation": _of(
        Conversation,
        without=frozenset({"applied", "outgoing", "consent_at", "handed_over_at"}),
        section={"type": "string", "enum": [section.value for section in Section]},
    ),
    "ConversationList": _page_of("Conversation"),
    "ConversationCounts": _object(
        {"sections": _object({section.value: _ref("SectionCount") for section in Section}, [])},
        ["sections"],
    ),
    "SectionCount": _object({"number": _COUNT, "at_least": _FLAG}, ["number", "at_least"]),
    "ConversationUpdates": _object(
        {"items": _array(_ref("Conversation")), "after": _TEXT}, ["items", "after"]
    ),
    "Transcript": _page_of("TranscriptMessage"),
    "TranscriptMessage": _of(TranscriptMessage),
    "ReplyPreview": _of(ReplyPreview),
    "CannedReply": _of(CannedReply),
    "CannedReplyList": _page_of("CannedReply"),
    "QueuedReply": _object(
        {"id": _TEXT, "conversation": _ref("Conversation")}, ["id", "conversation"]
    ),
}


def main(arguments: list[str]) -> int:
    """Write the file, or with ``--check`` compare; return the exit code."""
    text = rendered()
    if "--check" not in arguments:
        OUTPUT.write_text(text, encoding="utf-8")
        return 0
    if OUTPUT.exists() and OUTPUT.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write("infra/openapi.yaml is not what the code says; run python -m infra.openapi\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
