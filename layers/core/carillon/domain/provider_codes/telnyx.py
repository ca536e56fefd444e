"""
Telnyx's codes: of refusals when sending and in the ``errors`` of a receipt.

https://developers.telnyx.com/docs/messaging/messages/error-codes and, for those below 40000,
https://developers.telnyx.com/development/api-fundamentals/api-errors. Transient are those
alone after which the message surely does not come: not a carrier that did not respond.
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

CODES: Final[Codes] = {
    # The request
    "10001": permanent("The recipient's number is not active."),
    "10002": permanent("The recipient's number is not valid."),
    "10003": account("Telnyx does not take the address that receipts are to go to."),
    "10004": permanent("Something that a message needs was missing.", Advice.CONTENT),
    "10005": account("What the account's settings name is not there at Telnyx."),
    "10006": account("The account's settings name something that Telnyx does not know."),
    "10007": permanent("Telnyx failed while taking the message.", Advice.ACCOUNT),
    "10008": permanent("Telnyx took too long to take the message.", Advice.ACCOUNT),
    "10009": account("The API key is missing or wrong."),
    "10010": account("The API key may not send messages."),
    "10011": transient("More requests were made than Telnyx allows."),
    "10015": permanent("Telnyx could not read the message.", Advice.CONTENT),
    "10016": permanent("The recipient's number is not in international form."),
    # The account
    "20002": account("The API key was revoked."),
    "20006": account("The access token has expired."),
    "20012": account("The account is inactive, perhaps for want of funds."),
    "20013": account("The account is blocked."),
    "20014": account("The account is not verified."),
    "20015": account("Messaging is not enabled for the account."),
    "20016": account("The account is not verified to level 1."),
    "20017": account("The account is not verified to level 2."),
    "20100": account("The account has not enough funds."),
    # Delivery
    "40001": permanent("The number is a landline, or cannot be texted."),
    "40002": transient("The carrier's spam filter held the message back.", Advice.CONTENT),
    "40003": account("A carrier has blocked the sending number as a source of spam."),
    "40004": permanent("The recipient's carrier refused the message without a reason."),
    "40005": permanent("The message ran out of time on its way to the phone."),
    "40006": permanent("The recipient's carrier did not respond."),
    "40007": permanent("The message went round in a circle between networks."),
    "40008": permanent("The recipient's carrier did not take the message."),
    "40009": permanent("The carrier does not take such a text.", Advice.CONTENT),
    "40010": account("The sending number belongs to no 10DLC campaign."),
    "40011": transient("More was sent than the carrier allows at once."),
    "40012": permanent("The carrier knows no such number, or it is switched off."),
    "40013": account("The carrier does not take messages from the sending number."),
    "40014": transient("The message waited too long in Telnyx's queue and was not sent."),
    "40015": permanent("Telnyx's own spam filter stopped the message.", Advice.CONTENT),
    "40016": transient("T-Mobile's daily limit for the brand is used up."),
    "40017": permanent("AT&T took the message for spam.", Advice.CONTENT),
    "40018": transient("More was sent in a minute than AT&T allows the campaign."),
    # Numbers and profiles
    "40100": account("The sending number is not enabled for messaging."),
    "40150": account("The toll-free number is in no registry."),
    "40151": account("The sending number is still being enabled by another provider."),
    "40300": opted_out("The recipient has answered STOP."),
    "40301": permanent("The recipient's number does not take this type of message."),
    "40302": permanent("The message is too large.", Advice.CONTENT),
    "40304": permanent("Text and media do not go together so.", Advice.CONTENT),
    "40305": account("The sending number is not on the messaging profile."),
    "40306": account("The messaging profile has no alphanumeric sender."),
    "40308": permanent("The sending number cannot send pictures.", Advice.CONTENT),
    "40309": permanent("The messaging profile does not allow the recipient's country."),
    "40310": permanent("The recipient's number is not valid."),
    "40311": account("The messaging profile's secret is wrong."),
    "40312": account("The messaging profile is disabled."),
    "40313": account("The messaging profile's secret is missing."),
    "40314": account("Messaging is disabled on the account."),
    "40315": account("Too many messages of the sending number fail or count as spam."),
    "40316": permanent("The message was empty.", Advice.CONTENT),
    "40317": permanent("Too many pictures, or too large ones.", Advice.CONTENT),
    "40318": transient("Telnyx's queue for the sending number is full."),
    "40319": permanent("Sending and receiving number have no type of message in common."),
    "40320": account("The purchase of the sending number is not complete."),
    "40321": account("The messaging profile has no number that can send."),
    "40322": permanent("Telnyx does not allow the content.", Advice.CONTENT),
    "40328": permanent("The text has more parts than Telnyx recommends.", Advice.CONTENT),
    "40329": account("The toll-free number is not verified."),
    # https://developers.telnyx.com/docs/messaging/messages/configurable-spend-limits
    "40333": account("The messaging profile's spend limit for the day is used up."),
}
