"""As much of S3 and KMS as a stack's state needs: objects in memory, a key without encryption. Records requests.

with Cloud() as cloud:
    subprocess.run(["pulumi", "preview"], env={..., **cloud.reached(backend)})
    cloud.needed()
"""

from __future__ import annotations

import json
import threading
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from .iam import ACCOUNT, REGION, Need

KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"


class Cloud:
    """A server on loopback."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self._needed: set[Need] = set()
        cloud = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                target = self.headers.get("x-amz-target")
                status, content = cloud._key(target, body) if target else cloud._object(self, body)
                self.send_response_only(status)
                self.send_header("content-length", str(len(content)))
                self.send_header("etag", '"0"')
                self.send_header("last-modified", formatdate(0, usegmt=True))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer  # noqa: N815

            def log_message(self, *args: Any) -> None:
                """Nothing is printed."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def reached(self, backend: str) -> dict[str, str]:
        """Variables with which the CLI finds this server; `backend` is a PULUMI_BACKEND_URL."""
        backend = f"{backend}&endpoint={self.url}&s3ForcePathStyle=true"
        return {"PULUMI_BACKEND_URL": backend, "AWS_ENDPOINT_URL_KMS": self.url}

    def needed(self) -> set[Need]:
        """The permissions that the requests since `forget` need."""
        return set(self._needed)

    def forget(self) -> None:
        """Clear the recorded requests."""
        self._needed.clear()

    def _key(self, target: str, body: bytes) -> tuple[int, bytes]:
        operation = target.rpartition(".")[2]
        self._needed.add(Need(f"kms:{operation}", KEY))
        given = json.loads(body)
        kept = (
            {"CiphertextBlob": given["Plaintext"]} if operation == "Encrypt" else {"Plaintext": given["CiphertextBlob"]}
        )
        return 200, json.dumps({**kept, "KeyId": KEY}).encode()

    def _object(self, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes]:
        parts = urlsplit(request.path)
        bucket, _, name = unquote(parts.path).strip("/").partition("/")
        if not name:
            assert request.command == "GET"
            self._needed.add(Need("s3:ListBucket", f"arn:aws:s3:::{bucket}"))
            return 200, self._listing(parse_qs(parts.query))
        action = {"GET": "Get", "HEAD": "Get", "PUT": "Put", "DELETE": "Delete"}[request.command]
        self._needed.add(Need(f"s3:{action}Object", f"arn:aws:s3:::{bucket}/{name}"))
        if request.command == "DELETE":
            self.objects.pop(name, None)
            return 204, b""
        if request.command == "PUT":
            return 200, self._put(name, body, unquote(request.headers.get("x-amz-copy-source") or "").strip("/"))
        found = self.objects.get(name)
        return (404, b"<Error><Code>NoSuchKey</Code></Error>") if found is None else (200, found)

    def _put(self, name: str, body: bytes, source: str) -> bytes:
        if source:
            self._needed.add(Need("s3:GetObject", f"arn:aws:s3:::{source}"))
            self.objects[name] = self.objects[source.partition("/")[2]]
            return b"<CopyObjectResult><ETag>0</ETag></CopyObjectResult>"
        self.objects[name] = body
        return b""

    def _listing(self, query: dict[str, list[str]]) -> bytes:
        prefix, delimiter = query.get("prefix", [""])[0], query.get("delimiter", ["/"])[0]
        names, folders = [], set()
        for name in sorted(self.objects):
            rest = name.removeprefix(prefix)
            if name.startswith(prefix) and delimiter in rest:
                folders.add(prefix + rest.partition(delimiter)[0] + delimiter)
            elif name.startswith(prefix):
                names.append(name)
        listed = "".join(
            f"<Contents><Key>{escape(name)}</Key><Size>{len(self.objects[name])}</Size>"
            "<LastModified>1970-01-01T00:00:00Z</LastModified><ETag>0</ETag></Contents>"
            for name in names
        )
        listed += "".join(
            f"<CommonPrefixes><Prefix>{escape(each)}</Prefix></CommonPrefixes>" for each in sorted(folders)
        )
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{listed}</ListBucketResult>".encode()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
