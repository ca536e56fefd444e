"""
What each function is told by its environment, as one frozen dataclass per function.

``from_env(Cls)`` is called when a function composes itself, never at import.
A field's name in capitals is its variable; the template is the only writer.
"""

import os
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, TypeVar

_Settings = TypeVar("_Settings")


class MissingSetting(RuntimeError):
    """The template did not set a variable that this function cannot work without."""


def from_env(cls: type[_Settings], environ: Mapping[str, str] | None = None) -> _Settings:
    """Return *cls* filled from *environ* (the process's own by default)."""
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    for setting in fields(cls):  # type: ignore[arg-type]  # a dataclass type, which mypy cannot say
        name = setting.name.upper()
        text = environ.get(name, "")
        if text:
            convert = setting.type if setting.type in (int, float) else str
            values[setting.name] = convert(text)
        elif setting.default is MISSING:
            raise MissingSetting(f"{name} is not set")
    return cls(**values)


@dataclass(frozen=True, kw_only=True)
class Assistant:
    """
    What a function that answers contacts is told besides; base of its settings.

    An empty *assistant_model* is the built-in assistant, *assistant_guardrail* is
    ``id:version`` or empty.
    """

    assistant_model: str = ""
    assistant_guardrail: str = ""
    assistant_daily_tokens: int = 2_000_000
    assistant_answers_per_hour: int = 5


@dataclass(frozen=True)
class CampaignsApi(Assistant):
    """functions/campaigns_api."""

    control_table: str
    contacts_table: str
    files_bucket: str
    link_base_url: str
    conversations_table: str
    plan_queue_url: str
    send_queue_url: str
    recount_queue_url: str
    organisation_name: str


@dataclass(frozen=True)
class SchedulesApi:
    """functions/schedules_api."""

    control_table: str
    contacts_table: str
    suppressions_table: str
    link_base_url: str
    lateness_limit_s: int = 3600


@dataclass(frozen=True)
class ContactsApi:
    """functions/contacts_api."""

    control_table: str
    contacts_table: str
    suppressions_table: str
    files_bucket: str
    import_queue_url: str
    person_queue_url: str
    default_country: str = "US"


@dataclass(frozen=True)
class AnswerPeople:
    """functions/answer_people."""

    control_table: str
    contacts_table: str
    messages_table: str
    suppressions_table: str
    consent_table: str
    conversations_table: str
    files_bucket: str
    person_queue_url: str


@dataclass(frozen=True)
class OrganisationApi:
    """functions/organisation_api."""

    control_table: str
    send_queue_url: str
    organisation_name: str
    organisation_timezone: str = "UTC"
    default_country: str = "US"


@dataclass(frozen=True)
class PeopleApi:
    """functions/people_api; *audit_secret* holds the key of the audit log's hashes."""

    control_table: str
    audit_table: str
    audit_secret: str
    user_pool_id: str


@dataclass(frozen=True)
class ConversationsApi:
    """functions/conversations_api."""

    control_table: str
    messages_table: str
    suppressions_table: str
    consent_table: str
    conversations_table: str
    files_bucket: str
    send_queue_url: str
    link_base_url: str
    default_country: str = "US"
    stale_assignment_minutes: int = 60


@dataclass(frozen=True)
class AnalyticsApi:
    """functions/analytics_api: reads only."""

    control_table: str
    messages_table: str
    counters_table: str
    ambiguous_grace_s: int = 60


@dataclass(frozen=True)
class AuthorizeRequests:
    """functions/authorize_requests: whose tokens are ours, and where their keys stand."""

    control_table: str
    token_issuer: str
    token_keys_url: str
    user_pool_client_id: str


@dataclass(frozen=True)
class RecordAuditLog:
    """functions/record_audit_log; *audit_secret* holds the key of the log's hashes."""

    audit_table: str
    audit_secret: str


@dataclass(frozen=True)
class ConsentApi:
    """functions/consent_api."""

    control_table: str
    messages_table: str
    suppressions_table: str
    consent_table: str
    files_bucket: str
    opt_out_queue_url: str
    default_country: str = "US"


@dataclass(frozen=True)
class MoveOptOuts:
    """functions/move_opt_outs."""

    suppressions_table: str
    consent_table: str
    files_bucket: str
    opt_out_queue_url: str
    default_country: str = "US"


@dataclass(frozen=True)
class IntegrationsApi:
    """functions/integrations_api."""

    control_table: str
    deliveries_table: str
    files_bucket: str
    export_queue_url: str
    delivery_queue_url: str


@dataclass(frozen=True)
class PublishEvents:
    """functions/publish_events."""

    control_table: str
    delivery_queue_url: str


@dataclass(frozen=True)
class DeliverWebhooks:
    """functions/deliver_webhooks."""

    control_table: str
    deliveries_table: str
    delivery_queue_url: str


@dataclass(frozen=True)
class ExportData:
    """functions/export_data."""

    control_table: str
    messages_table: str
    counters_table: str
    consent_table: str
    files_bucket: str
    export_queue_url: str


@dataclass(frozen=True)
class Dashboard:
    """functions/dashboard: what the page needs to sign in."""

    user_pool_client_id: str
    identity_endpoint: str
    organisation_name: str


@dataclass(frozen=True)
class ProviderWebhooks:
    """functions/provider_webhooks."""

    control_table: str
    receipt_queue_url: str
    inbound_queue_url: str
    webhook_base_url: str


@dataclass(frozen=True)
class FollowLinks:
    """functions/follow_links."""

    control_table: str
    messages_table: str


@dataclass(frozen=True)
class AwsSmsEvents:
    """functions/aws_sms_events."""

    control_table: str
    receipt_queue_url: str
    inbound_queue_url: str


@dataclass(frozen=True)
class ImportContacts:
    """functions/import_contacts."""

    control_table: str
    contacts_table: str
    suppressions_table: str
    files_bucket: str
    import_queue_url: str


@dataclass(frozen=True)
class StartDueCampaigns:
    """functions/start_due_campaigns."""

    control_table: str
    plan_queue_url: str
    lateness_limit_s: int = 3600


@dataclass(frozen=True)
class PlanAudience:
    """functions/plan_audience."""

    control_table: str
    contacts_table: str
    files_bucket: str
    plan_queue_url: str
    send_queue_url: str


@dataclass(frozen=True)
class SendMessages:
    """functions/send_messages: the pacer."""

    control_table: str
    messages_table: str
    conversations_table: str
    suppressions_table: str
    consent_table: str
    files_bucket: str
    send_queue_url: str
    reconcile_queue_url: str
    webhook_base_url: str
    counters_table: str
    link_base_url: str
    lateness_limit_s: int = 3600
    ambiguous_grace_s: int = 60
    first_poll_after_s: int = 600


@dataclass(frozen=True)
class MirrorOptOuts:
    """functions/mirror_opt_outs."""

    control_table: str
    suppressions_table: str
    consent_table: str


@dataclass(frozen=True)
class ProcessReceipts:
    """functions/process_receipts."""

    messages_table: str
    suppressions_table: str
    consent_table: str


@dataclass(frozen=True)
class ProcessInbound:
    """functions/process_inbound."""

    inbound_queue_url: str
    media_queue_url: str
    assistant_queue_url: str
    control_table: str
    messages_table: str
    suppressions_table: str
    consent_table: str
    conversations_table: str
    files_bucket: str
    webhook_base_url: str
    organisation_name: str
    help_contact: str = ""
    ambiguous_grace_s: int = 60


@dataclass(frozen=True, kw_only=True)
class AskAssistant(Assistant):
    """functions/ask_assistant."""

    assistant_queue_url: str
    control_table: str
    messages_table: str
    suppressions_table: str
    consent_table: str
    conversations_table: str
    files_bucket: str
    send_queue_url: str
    organisation_name: str
    link_base_url: str
    default_country: str = "US"


@dataclass(frozen=True)
class FetchMedia:
    """functions/fetch_media."""

    media_queue_url: str
    control_table: str
    messages_table: str
    files_bucket: str


@dataclass(frozen=True)
class ReconcileMessages:
    """functions/reconcile_messages."""

    control_table: str
    messages_table: str
    files_bucket: str
    send_queue_url: str
    reconcile_queue_url: str
    recount_queue_url: str
    ambiguous_grace_s: int = 60
    first_poll_after_s: int = 600
    lateness_limit_s: int = 3600


@dataclass(frozen=True)
class AggregateCounters:
    """functions/aggregate_counters."""

    counters_table: str


@dataclass(frozen=True)
class RecountCounters:
    """functions/recount_counters."""

    control_table: str
    messages_table: str
    counters_table: str
    recount_queue_url: str
