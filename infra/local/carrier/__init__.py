"""
A simulated carrier that speaks several providers' APIs and calls our webhooks.

Twilio's, Telnyx's and AWS End User Messaging's: each is a dialect, one module
(``twilio_api``, ``telnyx_api``, ``aws_api``) in front of the same network, faults and
ledger. Bound to 127.0.0.1; beyond the standard library it needs ``cryptography``, for
Telnyx's signatures. ``Carrier`` embeds it in a test,
``python -m infra.local.carrier`` runs it as a process. What goes wrong is a
``Scenario``; what really happened is the ``Ledger``.
"""

from infra.local.carrier.ledger import (
    Attempt,
    CarrierText,
    InboundText,
    Ledger,
    OptOut,
    StatusChange,
    WebhookCall,
)
from infra.local.carrier.scenario import Fault, Scenario, ScenarioError, load_scenario
from infra.local.carrier.server import Carrier, PortTaken

__all__ = [
    "Attempt",
    "Carrier",
    "CarrierText",
    "Fault",
    "InboundText",
    "Ledger",
    "OptOut",
    "PortTaken",
    "Scenario",
    "ScenarioError",
    "StatusChange",
    "WebhookCall",
    "load_scenario",
]
