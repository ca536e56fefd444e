"""One S3 bucket as ``ports.Objects``."""

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from carillon.domain.errors import NotFound

_CHUNK_BYTES = 256 * 1024


class S3Objects:
    """Implements ``ports.Objects`` and presigned links over one bucket."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, key: str, body: bytes, *, content_type: str) -> None:
        """Store *body* under *key*, replacing."""
        self._client.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType=content_type)

    def get(self, key: str) -> bytes:
        """Return the object; raises NotFound."""
        return b"".join(self.read_from(key, 0))

    def read_from(self, key: str, offset: int) -> Iterator[bytes]:
        """Yield the object's bytes in chunks from byte *offset* on; raises NotFound."""
        if offset and offset >= self.size(key):
            return
        try:
            answer = (
                self._client.get_object(Bucket=self._bucket, Key=key, Range=f"bytes={offset}-")
                if offset
                else self._client.get_object(Bucket=self._bucket, Key=key)
            )
        except ClientError as error:
            raise _translated(error) from error
        with answer["Body"] as body:
            yield from body.iter_chunks(_CHUNK_BYTES)

    def size(self, key: str) -> int:
        """Return its size in bytes; raises NotFound."""
        try:
            return int(self._client.head_object(Bucket=self._bucket, Key=key)["ContentLength"])
        except ClientError as error:
            raise _translated(error) from error

    def upload_link(self, key: str, *, content_type: str, expires_s: int) -> str:
        """Return a presigned URL that takes one PUT of *content_type* for *expires_s* seconds."""
        return str(
            self._client.generate_presigned_url(
                "put_object",
                Params={"Bucket": self._bucket, "Key": key, "ContentType": content_type},
                ExpiresIn=expires_s,
            )
        )

    def download_link(self, key: str, *, filename: str, expires_s: int) -> str:
        """Return a presigned URL that serves the object as *filename* for *expires_s* seconds."""
        return str(
            self._client.generate_presigned_url(
                "get_object",
                Params={
                    "Bucket": self._bucket,
                    "Key": key,
                    "ResponseContentDisposition": f'attachment; filename="{filename}"',
                },
                ExpiresIn=expires_s,
            )
        )


def _translated(error: ClientError) -> Exception:
    code: str = error.response["Error"]["Code"]
    if code in ("NoSuchKey", "404", "NotFound"):
        return NotFound("There is no such object.", code="object_not_found")
    unexpected: Exception = error
    return unexpected
