"""
Bird's (MessageBird's) codes, of three kinds that number alike and are kept apart by their names.

Status reports: ``statusErrorCode`` as it comes, and where there is none ``statusReason``, with
underscores: https://docs.bird.com/api/channels-api/message-status-and-interactions/message-failure-sources/sms-platform-extended-error-codes
and https://developers.messagebird.com/api/sms-messaging. The API's errors as ``api_25`` and its
HTTP statuses as ``http_401``: https://developers.messagebird.com/api (errors).
"""

from typing import Final

from carillon.domain.provider_codes import Advice, Codes, account, opted_out, permanent, transient

CODES: Final[Codes] = {
    # Answers of the API
    "api_2": account("The provider does not accept our access key."),
    "api_9": permanent("The provider misses something in the message.", Advice.CONTENT),
    "api_10": permanent("The provider found something wrong with the message."),
    "api_20": permanent("The provider does not know what the message refers to.", Advice.ACCOUNT),
    "api_25": account("The account has run out of credit."),
    "http_401": account("The provider does not accept our access key."),
    "http_404": account("The provider's address for messages is wrong."),
    "http_405": account("The provider's address for messages is wrong."),
    "http_422": permanent("The provider found something wrong with the message.", Advice.CONTENT),
    "http_429": transient("The provider was asked too often."),
    # Not the provider's: its API for texts takes no files.
    "no_media": permanent("Pictures cannot be sent through this provider.", Advice.CONTENT),
    # Status reports, by reason
    "unknown_subscriber": permanent("The recipient's number belongs to no active line."),
    "unavailable_subscriber": transient(
        "The recipient's phone could not be reached for the moment.", Advice.LEADS
    ),
    "expired": permanent("The message expired before it could be handed over.", Advice.RATE),
    "dlr_not_received": permanent("The network never reported what became of the message."),
    "opted_out": opted_out(),
    "received_network_error": transient("The recipient's network had a fault."),
    "insufficient_balance": account("The account has run out of credit."),
    "carrier_rejected": permanent("The carrier rejected the message.", Advice.CONTENT),
    "capacity_limit_reached": transient("The carrier takes no more messages for the moment."),
    "generic_delivery_failure": permanent("The carrier gave no reason."),
    # Status reports, by code
    "0": permanent("The carrier gave no reason."),
    "1": permanent("The recipient's number belongs to no active line."),
    "2": permanent("The recipient's line has no known base station."),
    "3": permanent("The recipient's line has no known exchange."),
    "5": permanent("The recipient's number could not be identified."),
    "8": transient("The recipient may not roam where the phone is.", Advice.LEADS),
    "9": permanent("The recipient's line is not permitted in its network."),
    "10": permanent("The recipient's line takes no text messages."),
    "11": permanent("The recipient's line takes no text messages."),
    "12": permanent("The recipient's line is barred from text messages."),
    "26": transient("The recipient's phone was lost between two cells.", Advice.LEADS),
    "27": transient("The recipient's phone was switched off or out of reach.", Advice.LEADS),
    "31": transient("The recipient's phone was busy with another message."),
    "34": transient("The recipient's network had a fault."),
    "103": opted_out(),
}
