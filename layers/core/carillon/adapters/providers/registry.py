"""The accounts behind the senders: whose module, and with whose credentials."""

from carillon.adapters.providers import modules
from carillon.adapters.providers.kept_pool import KeptPool
from carillon.adapters.providers.sandbox import Sandboxed
from carillon.adapters.secrets import Secrets
from carillon.domain.campaign import Sender
from carillon.domain.errors import InvalidInput


class Providers:
    """Gives each sender its provider account; connections are shared and kept alive."""

    def __init__(self, secrets: Secrets, *, connections: int = 10) -> None:
        self._secrets = secrets
        self._pool = KeptPool(connections)

    def of(self, sender: Sender) -> Sandboxed:
        """
        Return the account that *sender* speaks through; a rotated secret is seen in minutes.

        Tests do not reach it: they end in the sandbox (P3).

        Raises NotFound (``provider_unknown``, ``secret_not_found``), and InvalidInput
        (``secret_incomplete``), whose ``field`` names what the secret lacks.
        """
        module = modules.of(sender.provider)
        secret = self._secrets.read(sender.credentials_secret)
        try:
            return Sandboxed(module.account(secret, self._pool))
        except KeyError as error:
            field = str(error.args[0])
            raise InvalidInput(
                f"The sender's secret lacks the field {field}.",
                field=field,
                code="secret_incomplete",
            ) from error
