"""
Plivo's codes: https://www.plivo.com/docs/messaging/troubleshooting/error-codes (receipts, 10 to
1000; 450 from its FAQ on geo permissions) and https://www.plivo.com/docs/messaging/api/response.

An answer of the API itself has no code but its HTTP status, which stands here as one.
"""

from typing import Final

from carillon.domain.provider_codes import Advice, Codes, account, opted_out, permanent, transient

CODES: Final[Codes] = {
    # Receipts
    "10": permanent("The carrier rejected the message as invalid.", Advice.CONTENT),
    "20": transient("The carrier's network had a fault."),
    "30": permanent("The carrier's spam filter stopped the message.", Advice.CONTENT),
    "40": account("The sending number is wrong, cannot send texts, or is not this account's."),
    "50": permanent("The recipient's number is wrong or cannot receive texts."),
    "60": permanent("The message would have gone round in circles between two numbers."),
    "70": permanent("The recipient's number is out of service for good."),
    "80": transient("The recipient's phone could not be reached for the moment.", Advice.LEADS),
    "90": permanent("No carrier delivers to this number."),
    "100": permanent("The recipient's network does not take this kind of message."),
    "110": permanent("The message is longer than the provider takes.", Advice.CONTENT),
    "200": opted_out("The recipient has answered STOP to this number."),
    "201": permanent("US toll-free numbers may not text Canadian numbers.", Advice.ACCOUNT),
    "300": transient("The provider could not hand the message to the carrier."),
    "420": permanent("The message expired before it could be delivered.", Advice.RATE),
    "450": permanent("The recipient's country is not enabled in the account.", Advice.ACCOUNT),
    "900": account("The account has run out of credit."),
    "910": account("The account is disabled."),
    "1000": permanent("The carrier gave no reason."),
    # Answers of the API
    "400": permanent("The provider found something wrong with the message.", Advice.CONTENT),
    "401": account("The provider does not accept our credentials."),
    # Plivo's SDK knows it, for a message, as the missing permission to text that country.
    "403": permanent("The recipient's country is not enabled in the account.", Advice.ACCOUNT),
    "404": account("The provider does not know the account."),
    "405": account("The provider's address for messages is wrong."),
    "429": transient("The provider was asked too often."),
}
