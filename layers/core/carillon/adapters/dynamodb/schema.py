"""
Every table's keys and attribute names, and the access pattern each serves.

Control table (pk, sk; index ``gsi1``: gsi1pk, gsi1sk; indexes ``by_created``, ``by_updated``,
``by_date``, ``by_title`` of campaigns alone, with what filters ask for) — small, slow, precious.
    The index ``by_status`` (status, updated_at; what the analytics list and filter by) answers
    which campaigns run and which have changed since: nobody else can have run since.
    ORG            OFF#{office}            office
    LST#{list}     LST                     contact list            gsi1 LISTS / created_at#id
    LST#{list}     IMP#{import}            one import of a CSV
    SEG#{segment}  SEG                     saved segment           gsi1 SEGMENTS / created_at#id
    SND#{sender}   SND                     sender                  gsi1 SENDERS / created_at#id
    SND#{sender}   LEASE                   the pacer's lease: token, owner, expires_at
    SND#{sender}   RUN#{campaign}          a campaign's work on this sender; kept (TTL) 35 days
                                           after its last message: inbound attribution reads the
                                           sender's runs, then asks for the one possible lead row
                                           of each (its key is computed), so a reply costs a
                                           bounded number of reads and a message costs no index
    SND#{sender}   OUTBOX#{due}#{id}       an answer that waits for the sender's pacer (V5)
    CMP#{campaign} CMP                     campaign                gsi1 TAB#{tab} / created_at#id
                                           (due ones: by_agenda AGENDA / when it is due, is over
                                           or was launched and is not planned yet)
        shelf {office}#{tab}               one tab of one office, in four indexes: ``by_created``
                                           (gsi1sk), ``by_updated``, ``by_title``, and ``by_date``:
                                           when it was launched, else for when it is scheduled,
                                           else "!". A page of a list is one query for each office,
                                           merged, and the campaigns that are shown; a month of the
                                           calendar is one range of by_date for each office. Every
                                           sort key ends in the campaign's id, so no two are the
                                           same and a page continues behind its last one, whatever
                                           was written meanwhile
    CMP#{campaign} LINKED#{other}          the other one names it in its combo (K10)
    CMPW#{office}#{sa} {sale}#{campaign}   a word of its title: one range finds all that begin so
    CMPA#{user}    {created_at}#{campaign}   the user is an agent of it: their list, newest first
    NUMBER         CMP                     the last number that a campaign was given (K14)
    CMP#{campaign} WATCH#{due}#{part}      an unsettled part to look at again at {due}
    CMP#{campaign} TEXT#{version}          what it says from that version on, for transcripts
    CMP#{campaign} OCC#{local time}        what became of an occurrence of what recurs (K15)
    CMP#{campaign} TURN                    when the reconciler's next own look is
    CMP#{campaign} KB#{entry}              what the campaign's assistant may answer; read whole
                                           (at most 200) when a contact of it is to be answered
    CMP#{campaign} OUTCOMES                the conversation tags that are outcomes of it (A16)
    BDG#{scope}    {day} or pilot          messages counted towards a limit of a sender or campaign;
                                           of ``assistant``: tokens that a model was asked for
    ORG            CAN#{office}#{id}       a canned reply of an office
    ORG            POLICY                  what the organisation asks of itself beyond the law
    LNK#{code}     LNK                     which campaigns' short links begin with these bits (M6)
    ORG            ERASURE                 the key of the hashes that erased people leave behind
    PRS#{id}       PRS                     a person's request: an erasure or an export (C6)
    ORG            ADMINS                  how often an admin was taken away: who does so says what
                                           they saw, so that two at once do not take the last
    USR#{user}     USR                     what we keep of a user
    KEY#{key}      KEY                     an API key                gsi1 KEYS / created_at#id
    MIRROR#{list}  MIRROR                  how far a provider's own opt-out list was mirrored
    WHK#{webhook}  WHK                     an endpoint of another system     gsi1 WEBHOOKS /
                                           created_at#id
    EXP#{export}   EXP                     an export and how far it is (TTL)   gsi1 EXPORTS /
                                           created_at#id

Contacts table (pk, sk)
    {list}#{shard} {lead_key}              a contact; shards are equal ranges of the lead key, so a
                                           list read shard by shard is sorted and lists merge

Messages table (pk, sk; stream NEW_AND_OLD_IMAGES; no index) — the hot one.
    {campaign}#{part} {lead_key}                   a lead from its claim on, with its first message
    {campaign}#{part} {lead_key}#s{n}              its n-th follow-up, from its claim on
    {campaign}#{part} {lead_key}#in#{provider id}  an inbound message of that lead, or one that only
                                                   repeats it (kind ``duplicate``); what became of
                                                   its files stands under ``media``, by index
    {campaign}#{part} {lead_key}#out#{cause}       an automatic or agent's answer
    unsolicited#{sender}#{bucket} {lead_key}#in#…  an inbound message that answers no campaign (I3)
    twins#{sender}#{bucket} {lead_key}#{digest}#{n}  the latest message of a person to a number
                                                   with these words and n pictures, in whatever
                                                   thread: a second one within seconds is the same
                                                   (TTL, which must not touch a campaign's part)
    parked#{bucket}  {provider id}#{status}        a receipt whose row was not there (R2)
    A campaign's part holds about 400 leads, so one partition stays under 1,000 items and one
    campaign spreads over as many partitions as it has parts. All changes of a part reach the
    aggregator in order, which is what its checkpoint relies on.

Counters table (pk, sk; index ``gsi1``: gsi1pk, gsi1sk, all attributes)
    CMP#{campaign} LANE#{n}                totals of the campaign, additive over lanes
    CMP#{campaign} RECOUNT                 the last recount: when, drift by counter; between the
                                           lanes and the times, so that one query reads both
    CMP#{campaign} DAY#{date}#{lane}       the same counters by 15 minutes UTC, those of a day as
                                           attributes of one item (counter_attributes); gsi1
                                           OFF#{office}#{month} / {date}#{campaign}#{lane}: what
                                           the campaigns of an office did, day by day, for filters
    OFF#{office}#{year} MONTH#{month}#{campaign}#{lane}  the same by UTC month: whole months
    OFF#{office}#{date} TIME#{quarter hour}#{lane}  an office's counters by 15 minutes UTC
    OFF#{office}#{month} DAY#{date}#{lane}          the same by UTC day: whole days of a range;
                                           beside them the day's inbound messages by quarter hour
    SND#{sender}   MONTH#{month}#{lane}    a sender's counters of a UTC month, and in the same item
                                           its days (s07 submitted, d07 delivered, f07 failed, g07
                                           segments on the 7th): one item to write, below 1 kB,
                                           and twelve a year to read for a lifetime
    CKPT#{messages pk} CKPT                a part's book: highest stream sequence number applied
                                           and what the part's changes came to

Suppressions table (pk)
    {phone}                                opted out or opted in, when (event time), how; the only
                                           table that is scanned: a page at a time, once a week, to
                                           compare all opt-outs with a provider's own list
    {phone}#sent                           when the last messages went to it, for caps (TTL)
    erased#{keyed hash of the phone}       somebody erased, who must not be texted (C6): event_at,
                                           newer than which only an opt-in counts
    {phone}#held                           they may have meant to opt out; a person decides (O1);
                                           without ``held_at`` it is decided, and what about (TTL)

Consent table (pk, sk; index ``gsi1``: gsi1pk, gsi1sk, all attributes; no TTL) — the ledger (O6).
    {phone}        {event_at}#{cause}      one opt-in or opt-out: when it was said and recorded,
                                           how, by whom, why, in which words; written together with
                                           the suppression and never changed (its conversation,
                                           which is not known when an opt-out commits, is added)
    PHONES#{first 4 digits} {phone}        where the phone stands: one query by the first digits of
                                           a number finds all; gsi1 OUT#{lane} or IN#{lane} /
                                           recorded_at#phone: who opted out, or came back, in the
                                           order in which it was recorded, lane by lane
    erased#{hash}  {event_at}#{n}          what remains of an erased person's events: when, and how
    REQ#{id}       REQ                     an opt-out that was asked for under an Idempotency-Key
    JOB#{id}       JOB                     a bulk import or an export of opt-outs

Conversations table (pk, sk; indexes gsi1 to gsi4: gsi{n}pk, place) — one item a conversation.
    {conversation}           CNV           a conversation; its id is computed from its thread
        gsi1 OFF#{office}#{section}        an office's inbox by section, newest message last;
        gsi2 CMP#{campaign}#{section}      a campaign's; gsi3 USR#{user}#{section}: a user's.
                                           ``place`` is {last_message_at}#{conversation} in all
                                           of them, so pages of several queues merge. One that
                                           left the queue has none of their keys
        gsi4 PROMISED                      those with a reply that is promised and perhaps not in
                                           the outbox; it lets go of each within a second, so the
                                           minute's net finds what a crash has left (keys only)
    SRCH#{office}#N{ad} {ada lovelace}#{conversation}   found by what a name begins with
    SRCH#{office}#P{1202} {12025550142}#{conversation}  found by what a number begins with
    TURN#{scope}             TURN          how many turns were given out (round robin)

Deliveries table (pk, sk; sparse index ``gsi1``; TTL) — what went to other systems.
    {webhook}#{lane} {at}#{event}          one event on its way to one endpoint; while it waits for
                                           another attempt gsi1 DUE#{lane} / {next_at}#{event}
Audit table (pk, sk; indexes gsi1, gsi2: gsi{n}pk, place; no TTL) — put once, never changed.
    MONTH#{month}  {at}#{entry}            one change of one object, by UTC month (``2026-11``)
        gsi1 OBJ#{object}                  an object's changes; gsi2 ACT#{actor}: a person's or
                                           key's. ``place`` is the sort key in both: newest last

The audit log is made from the streams of the control and consent tables: an item of
``audited`` is told of whoever wrote it, and who that was stands on it as ``author``.

Timestamps are ISO-8601 ``Z`` text (carillon.domain.clock), TTLs integer epoch seconds in
``expires_at``. Attribute names equal the field names of the domain's dataclasses.
"""

from typing import Final

from carillon.domain.audit import ObjectKind
from carillon.domain.books import LANES
from carillon.domain.campaign_search import SHELVED_BY, CampaignSort
from carillon.domain.ids import lead_key, part_of
from carillon.domain.inbox import QueueKind

PK: Final = "pk"
SK: Final = "sk"
GSI1: Final = "gsi1"
GSI1_PK: Final = "gsi1pk"
GSI1_SK: Final = "gsi1sk"
BY_STATUS: Final = "by_status"
TTL: Final = "expires_at"

ORGANISATION: Final = "ORG"
POLICY: Final = "POLICY"
ERASURE_KEY: Final = "ERASURE"
OUTBOX: Final = "OUTBOX#"
LISTS: Final = "LISTS"
SENDERS: Final = "SENDERS"
SEGMENTS: Final = "SEGMENTS"
MIRROR: Final = "MIRROR"
WEBHOOKS: Final = "WEBHOOKS"
WEBHOOK: Final = "WHK"
EXPORTS: Final = "EXPORTS"
EXPORT: Final = "EXP"
ADMINS: Final = "ADMINS"
API_KEYS: Final = "KEYS"

# How many leads a part should hold: see the messages table above.
LEADS_PER_PART: Final = 400
CONTACTS_PER_SHARD: Final = 500
COUNTER_LANES: Final = LANES
UNSOLICITED_BUCKETS: Final = 64
# Opt-outs come in the order of their time, so one partition would take all writes of an import.
CONSENT_LANES: Final = 8
DELIVERY_LANES: Final = 4
SEARCHED_DIGITS: Final = 4
PARKED_BUCKETS: Final = 16

# Campaigns by shelf: which index sorts them by which attribute.
SHELF: Final = "shelf"
UPDATED_PLACE: Final = "updated_place"
DATED_PLACE: Final = "dated_place"
TITLE_PLACE: Final = "title_place"
SHELVES: Final = {
    CampaignSort.CREATED: ("by_created", GSI1_SK),
    CampaignSort.UPDATED: ("by_updated", UPDATED_PLACE),
    CampaignSort.LAUNCHED: ("by_date", DATED_PLACE),
    CampaignSort.TITLE: ("by_title", TITLE_PLACE),
}
# What the minute's round has to look at and when, sparse: a date, a launch, an end to come.
AGENDA: Final = "agenda"
AGENDA_AT: Final = "agenda_at"
BY_AGENDA: Final = "by_agenda"
THE_AGENDA: Final = "AGENDA"
CAMPAIGN_NUMBER: Final = {PK: "NUMBER", SK: "CMP"}


def office_sk(office_id: str) -> str:
    """Sort key of an office under ORG."""
    return f"OFF#{office_id}"


def mirror_pk(name: str) -> str:
    """Partition of what is known of mirroring the opt-out list *name* (sort key ``MIRROR``)."""
    return f"MIRROR#{name}"


def export_pk(export_id: str) -> str:
    """Partition of an export (sort key ``EXP``)."""
    return f"EXP#{export_id}"


def webhook_pk(webhook_id: str) -> str:
    """Partition of an endpoint (sort key ``WHK``)."""
    return f"WHK#{webhook_id}"


def deliveries_pk(webhook_id: str, lane: int) -> str:
    """Deliveries partition of one lane of what went to an endpoint."""
    return f"{webhook_id}#{lane}"


def due_pk(lane: int) -> str:
    """gsi1 partition of one lane of deliveries that are tried again."""
    return f"DUE#{lane}"


def budget_pk(scope: str) -> str:
    """Partition of what is counted towards the limits of a sender or campaign."""
    return f"BDG#{scope}"


def sent_pk(phone: str) -> str:
    """Suppressions key of the times at which *phone* was texted lately."""
    return f"{phone}#sent"


def consent_sk(event_at: str, cause: str) -> str:
    """Sort key of one event under its phone in the ledger."""
    return f"{event_at}#{cause}"


def phones_pk(digits: str) -> str:
    """Consent partition of the phones that start with *digits* (of which four count)."""
    return f"PHONES#{digits.lstrip('+')[:SEARCHED_DIGITS]}"


def request_key(request_id: str) -> dict[str, str]:
    """Consent key of a request under an Idempotency-Key."""
    return {PK: f"REQ#{request_id}", SK: "REQ"}


def job_key(job_id: str) -> dict[str, str]:
    """Consent key of an import or export."""
    return {PK: f"JOB#{job_id}", SK: "JOB"}


def consent_lane(phone: str, *, opted_out: bool) -> str:
    """gsi1 partition of where *phone* stands."""
    return consent_lane_pk(part_of(lead_key(phone), CONSENT_LANES), opted_out=opted_out)


def consent_lane_pk(lane: int, *, opted_out: bool) -> str:
    """gsi1 partition of one lane of who is opted out, or has come back."""
    return f"{'OUT' if opted_out else 'IN'}#{lane}"


def held_pk(phone: str) -> str:
    """Suppressions key of whether *phone* is held."""
    return f"{phone}#held"


def list_pk(list_id: str) -> str:
    """Partition of a contact list and its imports; the list's own sort key is ``LST``."""
    return f"LST#{list_id}"


def segment_pk(segment_id: str) -> str:
    """Partition of a saved segment (sort key ``SEG``)."""
    return f"SEG#{segment_id}"


def person_request_pk(request_id: str) -> str:
    """Partition of a person's request (sort key ``PRS``)."""
    return f"PRS#{request_id}"


def import_sk(import_id: str) -> str:
    """Sort key of an import under its list."""
    return f"IMP#{import_id}"


def sender_pk(sender_id: str) -> str:
    """Partition of a sender (sort key ``SND``), its lease (``LEASE``) and its runs; its months."""
    return f"SND#{sender_id}"


def run_sk(campaign_id: str) -> str:
    """Sort key of a campaign's run under its sender."""
    return f"RUN#{campaign_id}"


def outbox_sk(due_at: str, reply_id: str) -> str:
    """Sort key of an answer that waits under its sender: sorted by when it is due."""
    return f"{OUTBOX}{due_at}#{reply_id}"


def campaign_pk(campaign_id: str) -> str:
    """Partition of a campaign (sort key ``CMP``) and of its watches."""
    return f"CMP#{campaign_id}"


def watch_sk(due_at: str, part: int) -> str:
    """Sort key of a watch: sorted by the time it is due."""
    return f"WATCH#{due_at}#{part:05d}"


def occurrence_sk(local_time: str) -> str:
    """Sort key of what became of an occurrence, sorted by its local time; "" for all."""
    return f"OCC#{local_time}"


def knowledge_sk(entry_id: str) -> str:
    """Sort key of what a campaign's assistant knows; with "" what they all begin with."""
    return f"KB#{entry_id}"


def tab_pk(tab: str) -> str:
    """gsi1 partition of the campaigns that a tab shows."""
    return f"TAB#{tab}"


def shelf_of(office_id: str, tab: str) -> str:
    """Partition, in the indexes of ``SHELVES``, of the campaigns of an office that *tab* shows."""
    return f"{office_id}#{tab}"


def linked_sk(campaign_id: str) -> str:
    """Sort key, under a campaign, of another one that is linked to it; "" for what all share."""
    return f"LINKED#{campaign_id}"


def title_words_pk(office_id: str, word: str) -> str:
    """Partition of the words of an office's titles that begin as *word* does."""
    return f"CMPW#{office_id}#{word[:SHELVED_BY]}"


def title_word_key(office_id: str, word: str, campaign_id: str) -> tuple[str, str]:
    """Key of the entry that leads from a word of its title to a campaign."""
    return title_words_pk(office_id, word), f"{word}#{campaign_id}"


def agent_pk(subject: str) -> str:
    """Partition of the campaigns that a user is an agent of."""
    return f"CMPA#{subject}"


def listing_sk(created_at: str, item_id: str) -> str:
    """gsi1 sort key: newest last, unique."""
    return f"{created_at}#{item_id}"


def shard_pk(list_id: str, shard: int) -> str:
    """Partition of one shard of a list's contacts."""
    return f"{list_id}#{shard:05d}"


def contact_pk(list_id: str, key: str, shards: int) -> str:
    """Partition of the contact whose lead key is *key* in a list of *shards*."""
    return shard_pk(list_id, part_of(key, shards))


def part_pk(campaign_id: str, part: int) -> str:
    """Messages partition of a campaign's part."""
    return f"{campaign_id}#{part:05d}"


def campaign_of(messages_pk: str) -> tuple[str, int] | None:
    """Return (campaign id, part) of a messages partition, or None when it is not a campaign's."""
    campaign_id, _, part = messages_pk.partition("#")
    if not campaign_id.startswith("cmp_") or not part.isdigit():
        return None
    return campaign_id, int(part)


def inbound_sk(key: str, provider_id: str) -> str:
    """Sort key of an inbound message; its provider id makes a redelivery the same row."""
    return f"{key}#in#{provider_id}"


def twin_sk(key: str, mark: str) -> str:
    """Sort key of the latest message of the lead *key* with the words that *mark* stands for."""
    return f"{key}#{mark}"


def outbound_sk(key: str, cause: str) -> str:
    """Sort key of an answer; *cause* (``stop.SM…``) makes a second attempt the same row."""
    return f"{key}#out#{cause}"


def unsolicited_pk(sender_id: str, key: str) -> str:
    """Messages partition of inbound messages to *sender_id* that answer no campaign."""
    return unsolicited_bucket_pk(sender_id, part_of(key, UNSOLICITED_BUCKETS))


def unsolicited_bucket_pk(sender_id: str, bucket: int) -> str:
    """Messages partition of one of the ``UNSOLICITED_BUCKETS`` of *sender_id*."""
    return f"unsolicited#{sender_id}#{bucket:02d}"


def twins_pk(sender_id: str, key: str) -> str:
    """Messages partition of the marks by which a message to *sender_id* is known again."""
    return f"twins#{sender_id}#{part_of(key, UNSOLICITED_BUCKETS):02d}"


def parked_pk(bucket: int) -> str:
    """Messages partition of receipts whose row was not there (R2)."""
    return f"parked#{bucket:02d}"


def lane_sk(lane: int) -> str:
    """Sort key of one additive lane of a campaign's counters."""
    return f"LANE#{lane}"


def time_sk(quarter: str, lane: int) -> str:
    """Sort key of one lane of an office's quarter hour (``2026-11-22T15:45Z``)."""
    return f"TIME#{quarter}#{lane}"


def day_sk(date: str, lane: int) -> str:
    """Sort key of one lane of a campaign's or an office's counters of a UTC date."""
    return f"DAY#{date}#{lane}"


def campaign_day_sk(date: str, campaign_id: str, lane: int) -> str:
    """gsi1 sort key of one lane of a campaign's UTC date among its office's."""
    return f"{date}#{campaign_id}#{lane}"


def campaign_month_sk(month: str, campaign_id: str, lane: int) -> str:
    """Sort key of one lane of what a campaign did in a UTC month, among its office's."""
    return f"MONTH#{month}#{campaign_id}#{lane}"


def month_sk(month: str, lane: int) -> str:
    """Sort key of one lane of a sender's counters of a UTC month (``2026-11``)."""
    return f"MONTH#{month}#{lane}"


def office_month_pk(office_id: str, month: str) -> str:
    """Partition of an office's days of a UTC month (``2026-11``); in gsi1 of its campaigns'."""
    return f"OFF#{office_id}#{month}"


def office_year_pk(office_id: str, year: str) -> str:
    """Counters partition of what an office's campaigns did in the months of a year (``2026``)."""
    return f"OFF#{office_id}#{year}"


def checkpoint_pk(messages_pk: str) -> str:
    """Counters partition of a source partition's checkpoint (sort key ``CKPT``)."""
    return f"CKPT#{messages_pk}"


def office_day_pk(office_id: str, date: str) -> str:
    """Counters partition of an office's quarter hours of a UTC date (``2026-11-22``)."""
    return f"OFF#{office_id}#{date}"


LINK: Final = "LNK"


def link_pk(code: str) -> str:
    """Partition of the campaigns whose short links begin with *code* (sort key ``LNK``)."""
    return f"LNK#{code}"


CONVERSATION: Final = "CNV"
PLACE: Final = "place"
PROMISED_INDEX: Final = "gsi4"
PROMISED: Final = "PROMISED"
# Which index holds the queues of whom.
QUEUE_INDEX: Final = {QueueKind.OFFICE: "gsi1", QueueKind.CAMPAIGN: "gsi2", QueueKind.USER: "gsi3"}
_QUEUE_OWNER: Final = {QueueKind.OFFICE: "OFF", QueueKind.CAMPAIGN: "CMP", QueueKind.USER: "USR"}


def queue_pk(kind: QueueKind, owner: str, section: str) -> str:
    """Index partition of one section of an office's, campaign's or user's inbox."""
    return f"{_QUEUE_OWNER[kind]}#{owner}#{section}"


def search_pk(office_id: str, start: str) -> str:
    """Partition of an office's search entries that begin alike."""
    return f"SRCH#{office_id}#{start}"


def search_sk(term: str, conversation_id: str) -> str:
    """Sort key of a search entry."""
    return f"{term}#{conversation_id}"


def turn_pk(scope: str) -> str:
    """Partition of a round robin's turns."""
    return f"TURN#{scope}"


def text_sk(version: int) -> str:
    """Sort key of what a campaign says from *version* on."""
    return f"TEXT#{version:010d}"


def canned_sk(office_id: str, canned_id: str) -> str:
    """Sort key of an office's canned reply under ORG."""
    return f"CAN#{office_id}#{canned_id}"


def user_key(user_id: str) -> dict[str, str]:
    """Control key of what we keep of a user."""
    return {PK: f"USR#{user_id}", SK: "USR"}


def api_key_key(key_id: str) -> dict[str, str]:
    """Control key of an API key."""
    return {PK: f"KEY#{key_id}", SK: "KEY"}


_AUDITED: Final = {
    "CMP": ObjectKind.CAMPAIGN,
    "SND": ObjectKind.SENDER,
    "USR": ObjectKind.USER,
    "KEY": ObjectKind.API_KEY,
    "WHK": ObjectKind.WEBHOOK,
    "PRS": ObjectKind.PERSON_REQUEST,
}


def audited(pk: str, sk: str) -> tuple[ObjectKind, str] | None:
    """Return what the control item under these keys is to the audit log, or None."""
    if pk == ORGANISATION and sk.startswith("OFF#"):
        return ObjectKind.OFFICE, sk.removeprefix("OFF#")
    if pk == ORGANISATION:
        return (ObjectKind.POLICY, "policy") if sk == POLICY else None
    kind, _, object_id = pk.partition("#")
    return (_AUDITED[kind], object_id) if kind == sk and kind in _AUDITED else None


def month_pk(month: str) -> str:
    """Audit partition of a UTC month (``2026-11``)."""
    return f"MONTH#{month}"


def audit_object_pk(object_id: str) -> str:
    """gsi1 partition of one object's changes."""
    return f"OBJ#{object_id}"


def audit_actor_pk(actor: str) -> str:
    """gsi2 partition of one actor's changes."""
    return f"ACT#{actor}"
