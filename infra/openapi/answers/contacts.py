"""What is answered about contact lists and their imports."""

from carillon.domain.audience_count import Reach
from carillon.domain.contact_list import ImportRecord, ListRecord
from carillon.domain.person_requests import RequestKind, RequestStatus
from carillon.domain.saved_segments import SavedSegment
from carillon.domain.simulation import Simulation
from carillon.usecases.browse_contacts import ShownContact
from infra.openapi.schemas import (
    COUNT,
    FLAG,
    NUMBER,
    OBJECT,
    TEXT,
    TIME,
    UPLOAD,
    Schema,
    array,
    enum,
    of,
    page_of,
    record,
    ref,
    with_optional,
)

_REACH = dict.fromkeys((reach.value for reach in Reach), COUNT)
_SAMPLED = {"phone": TEXT, "fields": OBJECT}
_LOOK: dict[str, Schema] = {
    "as_of": TIME,
    "share": NUMBER,
    "complete": FLAG,
    **dict.fromkeys(("contacts", "duplicate", "excluded", "recipients"), COUNT),
    "by_source": OBJECT,
    "reach": record(_REACH, list(_REACH)),
    "sample": array(record(_SAMPLED, list(_SAMPLED))),
}

ANSWERS: dict[str, Schema] = {
    "ContactList": of(ListRecord, without=frozenset({"shards"})),
    "ContactListList": page_of("ContactList"),
    "ContactListOverview": of(
        ListRecord,
        without=frozenset({"shards"}),
        imports=COUNT,
        **dict.fromkeys(("rows", "created", "duplicate", "invalid", "suppressed"), COUNT),
        invalid_reasons=OBJECT,
    ),
    "Contact": of(ShownContact),
    "ContactPage": page_of("Contact"),
    "Segment": of(SavedSegment),
    "SegmentList": page_of("Segment"),
    "Simulation": of(Simulation),
    "AudienceCount": with_optional(record(_LOOK, list(_LOOK)), next_cursor=TEXT),
    "PersonRequest": with_optional(
        record(
            {
                "id": TEXT,
                "kind": enum(RequestKind),
                "status": enum(RequestStatus),
                "counts": OBJECT,
                "created_at": TIME,
            },
            ["id", "kind", "status", "counts", "created_at"],
        ),
        finished_at=TIME,
        url=TEXT,
    ),
    "Import": of(
        ImportRecord, without=frozenset({"object_key", "rejected_key"}), has_rejected=FLAG
    ),
    "NewImport": record(
        {
            "import": ref("Import"),
            "upload": UPLOAD,
        },
        ["import", "upload"],
    ),
}
