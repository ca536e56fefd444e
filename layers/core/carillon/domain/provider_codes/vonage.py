"""
Vonage's codes: the last word of ``type`` in refusals and in the ``error`` of a status.

Numbers are those of the Messages API, https://developer.vonage.com/en/api-errors/messages;
words are those of all its APIs, https://developer.vonage.com/en/api-errors. Transient are
those alone after which the message surely does not come: not a network that failed on the way.
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
    "1000": transient("More was sent than the account allows at once."),
    "1010": permanent("Something that a message needs was missing.", Advice.CONTENT),
    "1020": permanent("Vonage does not take such a message.", Advice.CONTENT),
    "1021": permanent("A tag in the message is not valid.", Advice.CONTENT),
    "1022": permanent("The message's template is not valid.", Advice.CONTENT),
    "1030": permanent("Vonage failed while handling the message.", Advice.ACCOUNT),
    "1040": permanent("Vonage could not handle the message, perhaps for the number's prefix."),
    "1050": permanent("Vonage bars the number from receiving messages."),
    "1060": account("The account is barred from sending."),
    "1070": account("The account has not enough credit."),
    "1080": account("The account may not use this way of sending."),
    "1090": permanent("The message is too long.", Advice.CONTENT),
    "1100": transient("Vonage could not hand the message over; it was not sent."),
    "1110": account("Vonage could not verify the request's signature."),
    "1120": permanent("The recipient's country does not allow this sender.", Advice.ACCOUNT),
    "1130": permanent("The time that the message may take is not valid.", Advice.ACCOUNT),
    "1140": account("The account may not send this type of message."),
    "1150": permanent("The message's class is not valid.", Advice.CONTENT),
    "1160": permanent("The account may not send to this number yet.", Advice.ACCOUNT),
    "1170": permanent("The recipient's number is not valid."),
    "1180": transient("The phone was switched off or out of reach."),
    "1190": permanent("The number is no longer in use."),
    "1200": permanent("The number has moved to another carrier, and something went wrong."),
    "1210": permanent("The carrier's spam filter stopped the message.", Advice.CONTENT),
    "1220": transient("The phone was busy."),
    "1230": permanent("The carrier's network failed."),
    "1240": opted_out("The recipient has answered STOP."),
    "1241": transient("Too many messages were sent to phone numbers."),
    "1250": permanent("There is no route to the recipient's network."),
    "1260": permanent("The number could not be reached."),
    "1270": permanent("The carrier blocks such content for the recipient's age.", Advice.CONTENT),
    "1280": permanent("The carrier blocks messages to this number."),
    "1290": permanent("The recipient's prepaid account is empty."),
    "1300": permanent("The number is not one of the network's."),
    "1310": permanent("The phone cannot show the message."),
    "1320": permanent("The message was sent before.", Advice.NOTHING),
    "1330": permanent("The carrier gave a reason that is not known, or knows no such number."),
    "1340": permanent("The message was sent outside the time allowed for answers."),
    "1350": account("A fee for finding people by their number has not been paid."),
    "1360": permanent("The message ran out of time before it was delivered."),
    "1370": account("The access to a connected page has expired."),
    "1420": account("The sender is not one of the account's for text messages."),
    "1430": permanent("The recipient's number is not valid for text messages."),
    "low-balance": account("The account has not enough credit."),
    "unauthorized": account("The credentials are wrong."),
    "forbidden": account("The account may not send messages."),
    "not-found": account("Vonage does not know what was asked for."),
    "unprovisioned": account("The credentials do not allow messages."),
    "account-suspended": account("The account is suspended."),
    "jwt-expired": account("The token that we signed has expired: a clock is wrong."),
    "jwt-revoked": account("The token that we signed was revoked."),
    "invalid-api-key": account("Vonage does not know the API key."),
    "invalid-params": permanent("Vonage does not take such a message.", Advice.CONTENT),
    "invalid-signature": account("Vonage could not verify our signature."),
}
