"""The schemas of what the APIs answer, by name; a module for each API."""

from infra.openapi.answers import (
    analytics,
    campaigns,
    consent,
    contacts,
    conversations,
    integrations,
    organisation,
    shared,
)
from infra.openapi.schemas import Schema

ANSWERS: dict[str, Schema] = {
    **shared.ANSWERS,
    **organisation.ANSWERS,
    **contacts.ANSWERS,
    **campaigns.ANSWERS,
    **analytics.ANSWERS,
    **consent.ANSWERS,
    **conversations.ANSWERS,
    **integrations.ANSWERS,
}
