"""What is answered about contact lists and their imports."""

from carillon.domain.contact_list import ImportRecord, ListRecord
from infra.openapi.schemas import FLAG, UPLOAD, Schema, of, page_of, record, ref

ANSWERS: dict[str, Schema] = {
    "ContactList": of(ListRecord, without=frozenset({"shards"})),
    "ContactListList": page_of("ContactList"),
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
