"""
The naive way: one loop, one message after the other, with boto3 as its tutorials have it.

It reads the recipient, posts, and puts a row. It looks for no opt-out and claims nothing: a
crash and a second start send again to everybody whose row was not put, and two loops send
everything twice.
"""

import json
import os
import sys

import boto3
import requests


def main(first: int, leads: int) -> None:
    """Send to recipients *first* to *first* + *leads* - 1."""
    dynamodb = boto3.resource("dynamodb")
    contacts, messages = dynamodb.Table("PeerContacts"), dynamodb.Table("PeerMessages")
    session = requests.Session()
    session.auth = (os.environ["ACCOUNT_SID"], os.environ["AUTH_TOKEN"])
    for number in range(first, first + leads):
        contact = contacts.get_item(Key={"id": str(number)})["Item"]
        answer = session.post(
            os.environ["MESSAGES_URL"],
            data={
                "To": contact["phone"],
                "From": os.environ["FROM_NUMBER"],
                "Body": os.environ["BODY"].format(**contact),
                "StatusCallback": f"{os.environ['CALLBACK_URL']}/{number}",
            },
            timeout=(3, 10),
        )
        answer.raise_for_status()
        messages.put_item(
            Item={
                "id": str(number),
                "phone": contact["phone"],
                "status": "sent",
                "provider_id": json.loads(answer.text)["sid"],
            }
        )


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
