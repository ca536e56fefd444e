"""
Send ``template.yaml``, unchanged, to the emulator's CloudFormation.

What `sam package` does to a template is done here in process and in a second: code,
layers, nested templates and included files go to a bucket, and their places are
written where the paths were. Nothing of the service is said a second time.
"""

import hashlib
import io
import json
import time
import urllib.parse
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from ministack.services.cloudformation import language_extensions

from infra.local.documents import read_yaml
from infra.local.emulator import Emulator
from infra.local.errors import DeployFailed, LocalError
from infra.local.gateway_responses import apply_gateway_responses

ROOT = Path(__file__).resolve().parents[2]
STACK = "carillon"
# The people's API has one stage (template.yaml).
STAGE = "live"
_BUCKET = "carillon-local-artifacts"
_DEPLOY_S = 120.0
_NOT_PACKED = ("__pycache__",)
# A zip's bytes are its identity, so that an unchanged function is not deployed again.
_EPOCH = (1980, 1, 1, 0, 0, 0)


class Layers(StrEnum):
    """Where the layers' contents come from."""

    SOURCE = "source"  # our code as it lies there; libraries from the emulator's own environment
    BUILT = "built"  # what `make build` made for AWS


def deploy(
    emulator: Emulator,
    *,
    root: Path = ROOT,
    stack: str = STACK,
    parameters: Mapping[str, str] | None = None,
    layers: Layers = Layers.SOURCE,
) -> dict[str, str]:
    """
    Create or update *stack* from ``root/template.yaml``; return its outputs by key.

    Raises DeployFailed with CloudFormation's reasons, LocalError when the layers are
    not built, and for an endpoint that is not on this machine.
    """
    _refuse_a_remote(emulator.url)
    packed = _Package(emulator, root, layers).template(root / "template.yaml")
    cloudformation = emulator.client("cloudformation")
    request = {
        "StackName": stack,
        "TemplateURL": packed,
        "Parameters": [
            {"ParameterKey": key, "ParameterValue": value}
            for key, value in (local_parameters(emulator, stack) | dict(parameters or {})).items()
        ],
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    }
    _send(cloudformation, request, exists=_exists(cloudformation, stack))
    outputs = _outputs(cloudformation, stack)
    apply_gateway_responses(
        emulator.client("apigateway"), root / "infra" / "openapi.yaml", f"{stack}-api", STAGE
    )
    return outputs


def local_parameters(emulator: Emulator, stack: str = STACK) -> dict[str, str]:
    """Return the parameters that differ on this machine: no TLS, other addresses."""
    return {
        "Platform": "local",
        "WebhookBaseUrl": gateway_url(emulator, f"{stack}-webhooks", "$default"),
        "LinkBaseUrl": gateway_url(emulator, f"{stack}-links", "$default"),
        "IdentityEndpoint": f"{emulator.url}/",
    }


def gateway_url(emulator: Emulator, api_id: str, stage: str) -> str:
    """Return where the emulator serves a stage of an API, without a final slash."""
    return f"{emulator.url}/_aws/execute-api/{api_id}/{stage}"


def read_template(path: Path) -> dict[str, Any]:
    """
    Return the template at *path* with Fn::ForEach written out, as `sam build` does.

    The emulator's CloudFormation would do it for the outermost template alone.
    """
    template = read_yaml(path)
    if template.get("Transform") == language_extensions.TRANSFORM:
        template = language_extensions.apply(template, {})
        template.pop("Transform", None)
    return template


@dataclass
class _Package:
    """Uploads what a template names by path and rewrites the names."""

    emulator: Emulator
    root: Path
    layers: Layers
    _placed: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._s3 = self.emulator.client("s3")
        self._s3.create_bucket(Bucket=_BUCKET)

    def template(self, path: Path) -> str:
        """Upload the template at *path* with all it refers to; return its URL."""
        template = read_template(path)
        for resource in template["Resources"].values():
            self._place(path, resource)
        key = self._put(json.dumps(template, default=str).encode(), ".json")
        return f"{self.emulator.url}/{_BUCKET}/{key}"

    def _place(self, template: Path, resource: dict[str, Any]) -> None:
        properties = resource.get("Properties", {})
        match resource.get("Type"):
            case "AWS::Serverless::Function":
                properties["CodeUri"] = self._zip(self.root / properties["CodeUri"])
            case "AWS::Serverless::LayerVersion":
                properties["ContentUri"] = self._layer(properties["ContentUri"])
            case "AWS::CloudFormation::Stack":
                properties["TemplateURL"] = self.template(
                    template.parent / properties["TemplateURL"]
                )
        for include in _includes(properties):
            # As JSON, which the emulator reads in a tenth of the time.
            data = json.dumps(read_yaml(template.parent / include["Location"])).encode()
            include["Location"] = f"s3://{_BUCKET}/{self._put(data, '.json')}"

    def _layer(self, content_uri: str) -> str:
        if self.layers is Layers.BUILT:
            built = self.root / ".aws-sam/build" / f"{Path(content_uri).name.capitalize()}Layer"
            if not built.is_dir():
                raise LocalError("The layers are not built; run `make build` first.")
            return self._zip(built)
        folder = self.root / content_uri
        return self._zip(folder, prefix="python", only=lambda path: path.parts[0] == "carillon")

    def _zip(self, folder: Path, *, prefix: str = "", only: Callable[[Path], bool] = bool) -> str:
        if not folder.is_dir():
            raise LocalError(f"The template names {folder}, which is not there.")
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            # A layer without a file would not be a zip that Lambda takes.
            archive.writestr(zipfile.ZipInfo(".packed", _EPOCH), "")
            for path in _files(folder):
                name = path.relative_to(folder)
                if only(name):
                    entry = zipfile.ZipInfo(str(Path(prefix) / name), _EPOCH)
                    entry.external_attr = 0o644 << 16
                    entry.compress_type = zipfile.ZIP_DEFLATED
                    archive.writestr(entry, path.read_bytes())
        return f"s3://{_BUCKET}/{self._put(packed.getvalue(), '.zip')}"

    def _put(self, data: bytes, suffix: str) -> str:
        key = hashlib.sha256(data).hexdigest()[:32] + suffix
        if key not in self._placed:
            self._s3.put_object(Bucket=_BUCKET, Key=key, Body=data)
            self._placed[key] = key
        return key


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        hidden = any(part in _NOT_PACKED or part.startswith(".") for part in parts)
        if path.is_file() and not hidden:
            yield path


def _includes(node: Any) -> Iterator[dict[str, Any]]:
    """Yield the parameters of every AWS::Include below *node*."""
    if isinstance(node, dict):
        transform = node.get("Fn::Transform")
        if isinstance(transform, dict) and transform.get("Name") == "AWS::Include":
            yield transform["Parameters"]
        for child in node.values():
            yield from _includes(child)
    elif isinstance(node, list):
        for child in node:
            yield from _includes(child)


def _refuse_a_remote(url: str) -> None:
    if urllib.parse.urlsplit(url).hostname not in ("127.0.0.1", "localhost", "::1"):
        raise LocalError("The local deployer only deploys to this machine; for AWS: make deploy.")


def _exists(cloudformation: Any, stack: str) -> bool:
    listed = cloudformation.get_paginator("describe_stacks").paginate()
    return any(found["StackName"] == stack for page in listed for found in page["Stacks"])


def _send(cloudformation: Any, request: Mapping[str, Any], *, exists: bool) -> None:
    send = cloudformation.update_stack if exists else cloudformation.create_stack
    try:
        send(**request)
    except cloudformation.exceptions.ClientError as error:
        # CloudFormation has no code of its own for "nothing changed".
        if "No updates" not in error.response["Error"]["Message"]:
            raise DeployFailed(error.response["Error"]["Message"]) from error


def _outputs(cloudformation: Any, stack: str) -> dict[str, str]:
    deadline = time.monotonic() + _DEPLOY_S
    while time.monotonic() < deadline:
        found = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
        status = found["StackStatus"]
        if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            return {output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}
        if not status.endswith("IN_PROGRESS"):
            raise DeployFailed(_reasons(cloudformation, stack, found))
        time.sleep(0.1)
    raise DeployFailed(f"{stack} was not deployed within {_DEPLOY_S:.0f} s.")


def _reasons(cloudformation: Any, stack: str, found: Mapping[str, Any]) -> str:
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    failed = [
        f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}"
        for event in events
        if event["ResourceStatus"].endswith("FAILED")
    ]
    summary = f"{stack}: {found['StackStatus']} {found.get('StackStatusReason', '')}".strip()
    return "\n  ".join([summary, *failed])
