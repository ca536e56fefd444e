"""
What the use cases need from the world, as Protocols that list only what is called.

Adapters implement them (``adapters/``), fakes stand in for them (``tests/support``),
and one shared suite runs against both. Each module here has the ports of one subject;
users import them from the package.
"""

from carillon.ports.analytics import (
    CampaignCatalogue,
    CountedRows,
    CounterBooks,
    Figures,
    LeadPages,
    Outcomes,
    RecountBooks,
)
from carillon.ports.assistant import Assistant, KnowledgeBook
from carillon.ports.consent import (
    ConsentLedger,
    ConsentNews,
    Holds,
    MessageEvidence,
    MirroredConsents,
    MirrorStates,
    OptOutJobs,
    OptOutLanes,
    Suppressions,
)
from carillon.ports.contacts import (
    ContactPages,
    Contacts,
    ImportDirectory,
    ManagedLists,
    ManagedSegments,
    OptOutLookup,
    SegmentDirectory,
)
from carillon.ports.exports import (
    CampaignTotals,
    ExportedDirectory,
    ExportedMessages,
    ExportJobs,
    TableFormat,
)
from carillon.ports.links import Clicks
from carillon.ports.management import Campaigns, CampaignShelves, Offices, Policies, Senders
from carillon.ports.people import (
    AccessTokens,
    ApiKeys,
    AuditTrail,
    UserDirectory,
    UserRecords,
)
from carillon.ports.persons import ErasureFence, PersonFiles, PersonRecords, PersonRequests
from carillon.ports.planning import Audiences, CampaignPlans, Occurrences
from carillon.ports.providers import MessageProvider, ProviderOptOuts
from carillon.ports.replies import (
    AttachmentFiles,
    Attachments,
    CampaignTexts,
    CannedReplies,
    ConversationBook,
    Conversations,
    MediaSource,
    Outbox,
    Transcripts,
)
from carillon.ports.sending import (
    Budgets,
    ContactCaps,
    Gate,
    Leads,
    Leases,
    SenderLookup,
    SendingDirectory,
    Watches,
)
from carillon.ports.webhooks import DeliveryLog, WebhookBook, WebhookCaller
from carillon.ports.world import Clock, FileStore, MediaFiles, Objects, Queue, UploadLinks

__all__ = [
    "AccessTokens",
    "ApiKeys",
    "Assistant",
    "AttachmentFiles",
    "Attachments",
    "Audiences",
    "AuditTrail",
    "Budgets",
    "CampaignCatalogue",
    "CampaignPlans",
    "CampaignShelves",
    "CampaignTexts",
    "CampaignTotals",
    "Campaigns",
    "CannedReplies",
    "Clicks",
    "Clock",
    "ConsentLedger",
    "ConsentNews",
    "ContactCaps",
    "ContactPages",
    "Contacts",
    "ConversationBook",
    "Conversations",
    "CountedRows",
    "CounterBooks",
    "DeliveryLog",
    "ErasureFence",
    "ExportJobs",
    "ExportedDirectory",
    "ExportedMessages",
    "Figures",
    "FileStore",
    "Gate",
    "Holds",
    "ImportDirectory",
    "KnowledgeBook",
    "LeadPages",
    "Leads",
    "Leases",
    "ManagedLists",
    "ManagedSegments",
    "MediaFiles",
    "MediaSource",
    "MessageEvidence",
    "MessageProvider",
    "MirrorStates",
    "MirroredConsents",
    "Objects",
    "Occurrences",
    "Offices",
    "OptOutJobs",
    "OptOutLanes",
    "OptOutLookup",
    "Outbox",
    "Outcomes",
    "PersonFiles",
    "PersonRecords",
    "PersonRequests",
    "Policies",
    "ProviderOptOuts",
    "Queue",
    "RecountBooks",
    "SegmentDirectory",
    "SenderLookup",
    "Senders",
    "SendingDirectory",
    "Suppressions",
    "TableFormat",
    "Transcripts",
    "UploadLinks",
    "UserDirectory",
    "UserRecords",
    "Watches",
    "WebhookBook",
    "WebhookCaller",
]
