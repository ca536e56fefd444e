"""What is answered about offices, senders and the policy."""

from carillon.domain.campaign import Sender
from carillon.domain.organisation import Office, Organisation, OrganisationPolicy
from carillon.domain.permissions import KeyKind, Role
from infra.openapi.schemas import TEXT, Schema, array, of, page_of, record, ref, with_optional

ANSWERS: dict[str, Schema] = {
    "Me": record(
        {
            "subject": TEXT,
            "role": {"type": "string", "enum": [role.value for role in Role]},
            "offices": array(TEXT),
            # Of a machine: which kind of API key it shows.
            "key": {"type": "string", "enum": [kind.value for kind in KeyKind]},
        },
        ["subject", "role", "offices"],
    ),
    "Office": of(Office),
    "OfficeList": page_of("Office"),
    "Organisation": of(Organisation, policy=ref("Policy")),
    "Policy": of(OrganisationPolicy),
    "Sender": with_optional(
        of(Sender, without=frozenset({"credentials_secret"})),
        # Absent while nothing is wrong with it.
        problem_reason=TEXT,
    ),
    "SenderList": page_of("Sender"),
}
