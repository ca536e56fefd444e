"""What is answered about offices, senders and the policy."""

from carillon.domain.campaign import Sender
from carillon.domain.organisation import Office, OrganisationPolicy
from carillon.domain.permissions import Role
from infra.openapi.schemas import TEXT, Schema, array, of, page_of, record, with_optional

ANSWERS: dict[str, Schema] = {
    "Me": record(
        {
            "subject": TEXT,
            "role": {"type": "string", "enum": [role.value for role in Role]},
            "offices": array(TEXT),
        },
        ["subject", "role", "offices"],
    ),
    "Office": of(Office),
    "OfficeList": page_of("Office"),
    "Policy": of(OrganisationPolicy),
    "Sender": with_optional(
        of(Sender, without=frozenset({"credentials_secret"})),
        # Absent while nothing is wrong with it.
        problem_reason=TEXT,
    ),
    "SenderList": page_of("Sender"),
}
