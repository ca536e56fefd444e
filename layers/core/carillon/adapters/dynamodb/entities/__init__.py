"""
Offices, senders, lists, imports and campaigns in the control table, by pynamodb.

``connect(table)`` is called once by a function's composition root; the table's
name is not known at import. All entities share one connection, that is one
botocore client with one pool, where pynamodb would build one for each model.
Its default time-outs (15 and 30 s) would outlive the function.
"""

from carillon.adapters.dynamodb.entities.campaigns import CampaignTable
from carillon.adapters.dynamodb.entities.control_item import connect
from carillon.adapters.dynamodb.entities.lists import ListTable
from carillon.adapters.dynamodb.entities.offices import OfficeTable, PolicyTable
from carillon.adapters.dynamodb.entities.segments import SegmentTable
from carillon.adapters.dynamodb.entities.senders import SenderTable

__all__ = [
    "CampaignTable",
    "ListTable",
    "OfficeTable",
    "PolicyTable",
    "SegmentTable",
    "SenderTable",
    "connect",
]
