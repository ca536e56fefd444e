"""One S3 bucket as ``ports.Objects``."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import chain
from typing import Any

from botocore.exceptions import ClientError

from carillon.domain.errors import NotFound

_CHUNK_BYTES = 256 * 1024
# S3 wants at least 5 MiB in every part but the last, and at most 10,000 parts.
_PART_BYTES = 8 * 1024 * 1024
# Providers fetch a file within seconds; one that tries again later still finds it.
_MEDIA_LINK_S = 6 * 3600


class S3Objects:
    """Implements ``ports.Objects`` and presigned links over one bucket."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, key: str, body: bytes, *, content_type: str) -> None:
        """Store *body* under *key*, replacing."""
        self._client.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType=content_type)

    def put_attachment(self, key: str, body: bytes, *, content_type: str, filename: str) -> None:
        """Store *body*, a stranger's file, so that a browser saves it as *filename* alone."""
        self._client.put_object(
            Bucket=self._bucket,
            Key=key,
            Body=body,
            ContentType=content_type,
            ContentDisposition=f'attachment; filename="{filename}"',
            CacheControl="private, no-store",
        )

    def put_stream(self, key: str, chunks: Iterable[bytes], *, content_type: str) -> None:
        """Store the bytes of *chunks* under *key*, replacing, all or nothing, in bounded memory."""
        parts = _parts(chunks)
        first = next(parts, b"")
        if len(first) < _PART_BYTES:
            self.put(key, first, content_type=content_type)
            return
        target = {"Bucket": self._bucket, "Key": key}
        upload = self._client.create_multipart_upload(**target, ContentType=content_type)
        # An upload that dies here is removed by the bucket's lifecycle after a day.
        target["UploadId"] = upload["UploadId"]
        done = [
            {
                "PartNumber": number,
                "ETag": self._client.upload_part(**target, PartNumber=number, Body=part)["ETag"],
            }
            for number, part in enumerate(chain([first], parts), start=1)
        ]
        self._client.complete_multipart_upload(**target, MultipartUpload={"Parts": done})

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
        # Not "with body": botocore's StreamingBody enters as the raw stream beneath it.
        with closing(answer["Body"]) as body:
            yield from body.iter_chunks(_CHUNK_BYTES)

    def size(self, key: str) -> int:
        """Return its size in bytes; raises NotFound."""
        try:
            return int(self._client.head_object(Bucket=self._bucket, Key=key)["ContentLength"])
        except ClientError as error:
            raise _translated(error) from error

    def content_type(self, key: str) -> str:
        """Return the type that it was stored with; raises NotFound."""
        try:
            return str(self._client.head_object(Bucket=self._bucket, Key=key)["ContentType"])
        except ClientError as error:
            raise _translated(error) from error

    def uri(self, key: str) -> str:
        """Return the object's S3 URI."""
        return f"s3://{self._bucket}/{key}"

    def view_link(self, key: str, *, expires_s: int) -> str:
        """Return a presigned URL that serves the object as it is for *expires_s* seconds."""
        return str(
            self._client.generate_presigned_url(
                "get_object", Params={"Bucket": self._bucket, "Key": key}, ExpiresIn=expires_s
            )
        )

    def keys(self, prefix: str, after: str, limit: int) -> list[str]:
        """Return at most *limit* keys that start with *prefix*, behind *after*, in order."""
        start = {"StartAfter": after} if after else {}
        answer = self._client.list_objects_v2(
            Bucket=self._bucket, Prefix=prefix, MaxKeys=limit, **start
        )
        return [found["Key"] for found in answer.get("Contents", ())]

    def delete(self, key: str) -> None:
        """Drop the object (idempotent)."""
        self._client.delete_object(Bucket=self._bucket, Key=key)

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


def media_address(files: S3Objects, provider: str, key: str) -> str:
    """Return where *provider* gets a file of ours: AWS reads the bucket itself, by our role."""
    return files.uri(key) if provider == "aws" else files.view_link(key, expires_s=_MEDIA_LINK_S)


def _parts(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield *chunks* joined to pieces of exactly ``_PART_BYTES``, the last one smaller."""
    buffer = bytearray()
    for chunk in chunks:
        buffer += chunk
        while len(buffer) >= _PART_BYTES:
            yield bytes(buffer[:_PART_BYTES])
            del buffer[:_PART_BYTES]
    if buffer:
        yield bytes(buffer)


def _translated(error: ClientError) -> Exception:
    code: str = error.response["Error"]["Code"]
    if code in ("NoSuchKey", "404", "NotFound"):
        return NotFound("There is no such object.", code="object_not_found")
    unexpected: Exception = error
    return unexpected
