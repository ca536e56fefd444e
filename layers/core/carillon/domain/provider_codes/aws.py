"""
AWS End User Messaging SMS: why a message was refused, and why it did not arrive.

Refusals carry the ``Reason`` of their exception, else its name, as of the API reference of
``pinpoint-sms-voice-v2`` (2022-03-31): ConflictException, ValidationException,
AccessDeniedException, ServiceQuotaExceededException, ResourceNotFoundException, and
"Common Errors". Reasons that only other operations give are left out. Failed messages carry
the event's type, as of "Event types for SMS, MMS, and voice" in the user guide.
https://docs.aws.amazon.com/pinpoint/latest/apireference_smsvoicev2/API_SendTextMessage.html
https://docs.aws.amazon.com/sms-voice/latest/userguide/configuration-sets-event-types.html
"""

from typing import Final

from carillon.domain.provider_codes import (
    Advice,
    Codes,
    account,
    opted_out,
    permanent,
    transient,
)

_CONFLICTS: Final[Codes] = {
    "DESTINATION_PHONE_NUMBER_OPTED_OUT": opted_out(
        "The recipient is on the opt-out list of the sender's number at AWS."
    ),
    # About one recipient: the others of a sandbox may be verified.
    "DESTINATION_PHONE_NUMBER_NOT_VERIFIED": permanent(
        "The AWS account is in the sandbox, and this number is not verified in it.",
        Advice.ACCOUNT,
    ),
    "DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION": permanent(
        "The account's protect configuration blocks the recipient's country."
    ),
    "DESTINATION_PHONE_NUMBER_BLOCKED_BY_PROTECT_NUMBER_OVERRIDE": permanent(
        "The account's protect configuration blocks this number."
    ),
    # About one recipient: a pool may have numbers for other countries.
    "NO_ORIGINATION_IDENTITIES_FOUND": permanent(
        "The account has no number that can text this recipient.", Advice.ACCOUNT
    ),
    "KEYWORD_MISMATCH": account("The sender's number needs a keyword that was not given."),
    "MESSAGE_TYPE_MISMATCH": account(
        "The sender's number is registered for the other message type."
    ),
    "NUMBER_CAPABILITIES_MISMATCH": account(
        "The sender's number cannot send this kind of message."
    ),
    "OPT_OUT_LIST_MISMATCH": account("The numbers of the pool have different opt-out lists."),
    "PHONE_NUMBER_NOT_IN_REGISTRATION_REGION": account(
        "The sender's number is not registered in this region."
    ),
    "REGISTRATION_NOT_COMPLETE": account("The sender's registration is not complete."),
    "RESOURCE_NOT_ACTIVE": account("The sender's number or pool is not active."),
    "SELF_MANAGED_OPT_OUTS_MISMATCH": account(
        "The numbers of the pool manage opt-outs in different ways."
    ),
    "TWO_WAY_CONFIG_MISMATCH": account(
        "The numbers of the pool receive messages in different ways."
    ),
    "ConflictException": permanent(
        "AWS refused the message in the sender's present state.", Advice.ACCOUNT
    ),
}

_INVALID: Final[Codes] = {
    "ATTACHMENT_TYPE_NOT_SUPPORTED": permanent(
        "A media file is of a kind that cannot be sent.", Advice.CONTENT
    ),
    "CANNOT_PARSE": permanent("AWS could not read the message.", Advice.CONTENT),
    "CHANNEL_NOT_ENABLED": account("The account may not send this kind of message."),
    "COUNTRY_CODE_MISMATCH": permanent("The number does not belong to the recipient's country."),
    "COUNTRY_NOT_ENABLED": permanent("The account may not text the recipient's country."),
    "DESTINATION_COUNTRY_BLOCKED": permanent("The recipient's country is blocked."),
    "FIELD_VALIDATION_FAILED": permanent(
        "A field of the message is not as AWS takes it.", Advice.CONTENT
    ),
    "INTERNATIONAL_SENDING_NOT_SUPPORTED": permanent(
        "The sender's number cannot text other countries."
    ),
    "INVALID_ARN": account("The sender's address or configuration set names nothing of AWS."),
    # About one recipient: the sender can text other countries.
    "INVALID_IDENTITY_FOR_DESTINATION_COUNTRY": permanent(
        "The sender's address cannot be used in the recipient's country."
    ),
    "INVALID_PARAMETER": permanent(
        "A field of the message, perhaps the number, is not valid.", Advice.LEADS
    ),
    "INVALID_REQUEST": permanent("AWS does not take the message as it is.", Advice.CONTENT),
    "MAXIMUM_SIZE_EXCEEDED": permanent("The message or its media is too large.", Advice.CONTENT),
    "MEDIA_TYPE_NOT_SUPPORTED": permanent(
        "A media file is of a kind that cannot be sent.", Advice.CONTENT
    ),
    "MISSING_PARAMETER": permanent("A field of the message is missing.", Advice.CONTENT),
    "PARAMETERS_CANNOT_BE_USED_TOGETHER": permanent(
        "Fields of the message contradict each other.", Advice.CONTENT
    ),
    "PRICE_OVER_THRESHOLD": permanent("The message would cost more than the account allows."),
    "RESOURCE_NOT_ACCESSIBLE": permanent("AWS could not read a media file.", Advice.CONTENT),
    "SENDER_ID_NOT_REGISTERED": account("The sender's name is not registered."),
    "SENDER_ID_NOT_SUPPORTED": permanent(
        "Names cannot be used as senders in the recipient's country."
    ),
    "SENDER_ID_REQUIRES_REGISTRATION": permanent(
        "The sender's name must be registered in the recipient's country.", Advice.ACCOUNT
    ),
    "UNSPECIFIED_PARAMETER_NOT_SUPPORTED": permanent(
        "A field of the message is not supported.", Advice.CONTENT
    ),
    "OTHER": permanent("AWS refused the message without saying why.", Advice.CONTENT),
    "ValidationException": permanent("AWS refused the message.", Advice.CONTENT),
}

_ACCOUNT: Final[Codes] = {
    "ACCOUNT_DISABLED": account("The AWS account may no longer send messages."),
    "INSUFFICIENT_ACCOUNT_REPUTATION": account("AWS has stopped the account for its reputation."),
    "AccessDeniedException": account("The function's role may not send with this number."),
    "MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT": account(
        "The account's monthly spend limit for text messages is reached."
    ),
    "MONTHLY_SPEND_LIMIT_REACHED_FOR_MEDIA": account(
        "The account's monthly spend limit for media messages is reached."
    ),
    "MONTHLY_SPEND_LIMIT_REACHED_FOR_RCS": account(
        "The account's monthly spend limit for RCS messages is reached."
    ),
    "ServiceQuotaExceededException": account("A quota of the AWS account is reached."),
    "ResourceNotFoundException": account(
        "The sender's address or configuration set is not in the AWS account."
    ),
    "IncompleteSignature": account("AWS does not accept the function's credentials."),
    "InvalidSignatureException": account("AWS does not accept the function's credentials."),
    "NotAuthorized": account("The function's role may not send messages."),
    "OptInRequired": account("The AWS account is not subscribed to the service."),
    "UnrecognizedClientException": account("AWS does not know the function's credentials."),
}

# Refused before anything of the message was looked at.
_UNREAD: Final[Codes] = {
    "ExpiredTokenException": transient("The function's credentials had just expired."),
    "RequestExpired": transient("The request reached AWS too late."),
}

# None is tried again: what a carrier calls undelivered has come late before, and would come twice.
_TEXT: Final[Codes] = {
    "TEXT_INVALID": permanent("The number is not valid."),
    "TEXT_INVALID_MESSAGE": permanent("The text cannot be delivered as it is.", Advice.CONTENT),
    "TEXT_UNREACHABLE": permanent("The phone was off or out of reach."),
    "TEXT_CARRIER_UNREACHABLE": permanent(
        "The carrier's network had a passing fault.", Advice.RATE
    ),
    "TEXT_BLOCKED": permanent("The phone or its carrier blocks messages to this person."),
    "TEXT_CARRIER_BLOCKED": permanent("The carrier blocked the message.", Advice.CONTENT),
    "TEXT_SPAM": permanent("The carrier took the message for spam.", Advice.CONTENT),
    "TEXT_UNKNOWN": permanent("The carrier did not say why the message was not delivered."),
    "TEXT_TTL_EXPIRED": permanent("The message could not be delivered in time."),
    "TEXT_PROTECT_BLOCKED": permanent("The account's protect configuration blocked the message."),
}

_MEDIA: Final[Codes] = {
    "MEDIA_INVALID": permanent("The number is not valid."),
    "MEDIA_INVALID_MESSAGE": permanent("The message cannot be delivered as it is.", Advice.CONTENT),
    "MEDIA_UNREACHABLE": permanent("The phone was off or out of reach."),
    "MEDIA_CARRIER_UNREACHABLE": permanent(
        "The carrier's network had a passing fault.", Advice.RATE
    ),
    "MEDIA_BLOCKED": permanent("The phone or its carrier blocks messages to this person."),
    "MEDIA_CARRIER_BLOCKED": permanent("The carrier blocked the message.", Advice.CONTENT),
    "MEDIA_SPAM": permanent("The carrier took the message for spam.", Advice.CONTENT),
    "MEDIA_UNKNOWN": permanent("The carrier did not say why the message was not delivered."),
    "MEDIA_TTL_EXPIRED": permanent("The message could not be delivered in time."),
    "MEDIA_FILE_INACCESSIBLE": permanent("AWS could not read the media file.", Advice.CONTENT),
    "MEDIA_FILE_TYPE_UNSUPPORTED": permanent(
        "The media file is of a kind that cannot be sent.", Advice.CONTENT
    ),
    "MEDIA_FILE_SIZE_EXCEEDED": permanent("The media file is too large.", Advice.CONTENT),
}

# Events of a pool that tries RCS before SMS.
_RCS: Final[Codes] = {
    "RCS_FAILED": permanent("The RCS message could not be delivered."),
    "RCS_TTL_EXPIRED": permanent("The RCS message could not be delivered in time."),
    "RCS_PROTECT_BLOCKED": permanent("The account's protect configuration blocked the message."),
}

CODES: Final[Codes] = {
    **_CONFLICTS,
    **_INVALID,
    **_ACCOUNT,
    **_UNREAD,
    **_TEXT,
    **_MEDIA,
    **_RCS,
}
