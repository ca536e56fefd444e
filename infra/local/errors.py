"""
What a person can put right about the local platform; the message is one sentence for them.

    LocalError
      PortTaken       another process listens there
      DeployFailed    CloudFormation refused the template
"""


class LocalError(Exception):
    """The local platform cannot go on."""


class PortTaken(LocalError):
    """Another process listens on the port."""


class DeployFailed(LocalError):
    """The emulator's CloudFormation refused the template."""
