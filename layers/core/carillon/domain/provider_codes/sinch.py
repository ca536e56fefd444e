"""
Sinch's codes, of three kinds that number alike and are kept apart by their names.

Delivery reports, 4xx: https://developers.sinch.com/docs/sms/api-reference/sms/delivery-reports/delivery-report-error-codes;
others, from the networks: https://developers.sinch.com/docs/sms/smpp/error-codes and
https://developers.sinch.com/docs/sms/smpp/10dlc-errors.
The API's own words and, as ``http_401``, its HTTP statuses:
https://developers.sinch.com/docs/sms/api-reference/status-codes.
"""

from typing import Final

from carillon.domain.provider_codes import Advice, Codes, account, permanent, transient

CODES: Final[Codes] = {
    # Answers of the API
    "syntax_invalid_json": permanent("The provider could not read the message.", Advice.CONTENT),
    "syntax_invalid_parameter_format": permanent("The recipient's or our number is no number."),
    "syntax_constraint_violation": permanent(
        "The message breaks a rule of the provider's, such as its length.", Advice.CONTENT
    ),
    "unknown_campaign": account("The sending number does not belong to the registered campaign."),
    "missing_callback_url": account("The account has no address for delivery reports."),
    "http_400": permanent("The provider found something wrong with the message.", Advice.CONTENT),
    "http_401": account("The provider does not accept our credentials."),
    "http_403": account("The provider does not let this account send."),
    "http_404": account("The provider does not know the service plan."),
    "http_429": transient("The provider was asked too often."),
    # Not the provider's: its API takes one file with a message.
    "one_media_only": permanent("Only one picture fits into a message.", Advice.CONTENT),
    # Delivery reports of the REST API
    "402": permanent("The message could not be routed to this number."),
    "403": transient("The provider had an internal fault."),
    "404": transient("The network could not deliver for the moment."),
    "405": permanent("The text has a ${…} field that is not filled.", Advice.TEMPLATE),
    "406": permanent("The message expired before it reached the network.", Advice.RATE),
    "407": permanent("The message was called off.", Advice.NOTHING),
    "408": permanent("The network rejected the message.", Advice.CONTENT),
    "410": account("The account has no sending number for this recipient."),
    "411": permanent("The message has more parts than allowed.", Advice.CONTENT),
    "412": permanent("The account may not send to this region.", Advice.ACCOUNT),
    # The networks
    "1": permanent("The message could not be routed: its sender is missing or unknown."),
    "2": permanent("The provider has no route to this number."),
    "3": permanent("The provider has no delivery zone for this number."),
    "4": transient("The account's traffic limit was exceeded."),
    "15": permanent("The message was taken for spam.", Advice.CONTENT),
    "60": account("The registered campaign of the sending number is not active."),
    "62": permanent("The provider's own spam filter stopped the message.", Advice.CONTENT),
    "64": transient("The sending limit of the registered campaign was reached."),
    "152": permanent("The recipient's line takes no text messages."),
    "300": permanent("The recipient's number is not valid."),
    "310": permanent("The sending number is not valid for this network.", Advice.ACCOUNT),
    "321": permanent("The recipient's network rejected the message.", Advice.CONTENT),
    "332": permanent("The network refused the operation.", Advice.ACCOUNT),
    "334": permanent("The network found an invalid parameter.", Advice.CONTENT),
    "349": permanent("The network refused the message, perhaps for its content.", Advice.CONTENT),
    "399": permanent("The network gave no reason."),
}
