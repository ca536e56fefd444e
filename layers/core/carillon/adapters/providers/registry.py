"""Which module speaks for which provider, and with whose credentials."""

import urllib3

from carillon.adapters.providers.twilio import Twilio, TwilioCredentials
from carillon.adapters.secrets import Secrets
from carillon.domain.campaign import Sender
from carillon.domain.errors import InvalidInput
from carillon.ports import MessageProvider


class Providers:
    """Gives each sender its provider account; connections are shared and kept alive."""

    def __init__(self, secrets: Secrets, *, connections: int = 10) -> None:
        self._secrets = secrets
        self._pool = urllib3.PoolManager(maxsize=connections, block=False)

    def of(self, sender: Sender) -> MessageProvider:
        """Return the account that *sender* speaks through; a rotated secret is seen in minutes."""
        if sender.provider != "twilio":
            raise InvalidInput("No module speaks for this provider.", field="provider")
        secret = self._secrets.read(sender.credentials_secret)
        return Twilio(TwilioCredentials.from_secret(secret), self._pool)
