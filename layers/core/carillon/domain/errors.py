"""
Every error Carillon raises on purpose, as one tree.

    CarillonError
      InvalidInput      the caller can fix it     400, never retried
      NotFound          absent, or not yours      404
      Forbidden         role or office            403
      Conflict          the state forbids it      409
      RecipientBlocked  opted out, quiet hours    an outcome, not a failure
      Throttled         retry after N seconds     429, or visibility delay
      ProviderError
        Rejected        permanent                 terminal state
        Unavailable     transient, was not sent   retry
        OutcomeUnknown  timeout after the send    never a blind retry
        AccountBlocked  our account cannot send   the sender stops, an alarm

``code`` is stable and part of the API; nothing branches on the message text,
and no message ever holds a phone number, a text body or a credential.
"""

from collections.abc import Mapping


class CarillonError(Exception):
    """Base of the tree. *code* is stable; *detail* is a sentence for a person."""

    code = "internal_error"

    def __init__(
        self, detail: str, *, code: str | None = None, extra: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or type(self).code
        self.extra: dict[str, object] = dict(extra or {})


class InvalidInput(CarillonError):
    """The caller can fix it; *field* names where."""

    code = "invalid_input"

    def __init__(
        self,
        detail: str,
        *,
        field: str | None = None,
        code: str | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(detail, code=code, extra=extra)
        self.field = field


class NotFound(CarillonError):
    """It is absent, or the caller may not know that it is there."""

    code = "not_found"


class Forbidden(CarillonError):
    """The caller's role or office does not allow it."""

    code = "forbidden"


class Conflict(CarillonError):
    """The present state forbids it; ``extra`` names the state and what is allowed."""

    code = "conflict"


class RecipientBlocked(CarillonError):
    """This person must not be messaged now: an outcome of a lead, not a failure of ours."""

    code = "recipient_blocked"


class Throttled(CarillonError):
    """Asked too often; try again after *retry_after_s* seconds."""

    code = "throttled"

    def __init__(self, detail: str, *, retry_after_s: float) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class ProviderError(CarillonError):
    """The SMS provider did not plainly accept; *provider_code* is the provider's own code."""

    code = "provider_error"

    def __init__(
        self, detail: str, *, provider_code: str | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(detail)
        self.provider_code = provider_code
        self.retry_after_s = retry_after_s


class Rejected(ProviderError):
    """Refused for good: the message was not sent and never will be."""

    code = "provider_rejected"


class Unavailable(ProviderError):
    """Not sent, and the provider said so: it may be tried again."""

    code = "provider_unavailable"


class OutcomeUnknown(ProviderError):
    """It may have been sent: reconcile, never try again blindly."""

    code = "provider_outcome_unknown"


class AccountBlocked(ProviderError):
    """Not sent, and no message would be: credentials, balance or a suspended account (F7)."""

    code = "provider_account_blocked"
