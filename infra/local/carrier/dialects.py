"""The codes of all dialects."""

from collections.abc import Mapping
from types import MappingProxyType

from infra.local.carrier import aws_api, telnyx_api, twilio_api
from infra.local.carrier.dialect import Cause, Code, Failure, Refusal

_MODULES = (twilio_api, telnyx_api, aws_api)

# What a scenario cannot ask for by code: it has settings of their own for these.
_BY_THE_CARRIER = {
    Cause.NOT_SIGNED_IN,
    Cause.NOT_FOUND,
    Cause.TOO_MANY_REQUESTS,
    Cause.SERVER_ERROR,
    Cause.UNAVAILABLE,
}

# By code, over all dialects: why a request may be refused, why a message may fail.
REFUSALS: Mapping[Code, Refusal] = MappingProxyType(
    {
        refusal.code: refusal
        for module in _MODULES
        for refusal in module.REFUSALS
        if refusal.cause not in _BY_THE_CARRIER
    }
)
FAILURES: Mapping[Code, Failure] = MappingProxyType(
    {failure.code: failure for module in _MODULES for failure in module.FAILURES}
)
