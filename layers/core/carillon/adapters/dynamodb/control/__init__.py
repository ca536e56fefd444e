"""
The control table as the sending functions see it: senders, campaigns, runs, leases, watches.

boto3, because these functions never load pynamodb. Every state change is
conditional and names the states it may come from.
"""

from carillon.adapters.dynamodb.control.directory import DynamoDirectory
from carillon.adapters.dynamodb.control.gate import DynamoGate
from carillon.adapters.dynamodb.control.items import campaign_of_item

__all__ = ["DynamoDirectory", "DynamoGate", "campaign_of_item"]
