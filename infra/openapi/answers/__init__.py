"""The schemas of what the APIs answer, by name; a module for each API."""

from infra.openapi.answers import (
    analytics,
    campaigns,
    consent,
    contacts,
    conversations,
    integrations,
    organisation,
    people,
    shared,
)
from infra.openapi.schemas import Schema

ANSWERS: dict[str, Schema] = {
    **shared.ANSWERS,
    **organisation.ANSWERS,
    **people.ANSWERS,
    **contacts.ANSWERS,
    **campaigns.ANSWERS,
    **analytics.ANSWERS,
    **consent.ANSWERS,
    **conversations.ANSWERS,
    **integrations.ANSWERS,
}
