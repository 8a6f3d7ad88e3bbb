"""Answers of bounded size: a registry that answers without end must not fill this machine's memory.

limit_responses(client)
"""

from __future__ import annotations

import time
from typing import Any

import urllib3.exceptions
from botocore.exceptions import ConnectionClosedError, HTTPClientError, ReadTimeoutError

from .botocore_internals import http_session, set_content
from .limits import MAX_RESPONSE_BYTES, MAX_RESPONSE_S


def limit_responses(client: Any, largest: int = MAX_RESPONSE_BYTES) -> None:
    """Make the client refuse larger answers; those that an operation streams are its reader's business."""
    # botocore reads an answer whole before anybody can look at it; its session is the only place to stand in between.
    session = http_session(client)
    send = session.send

    def bounded(request: Any) -> Any:
        streamed, request.stream_output = request.stream_output, True
        response = send(request)
        # An error is read whole by botocore, also the one of an operation that streams.
        if not streamed or response.status_code >= 300:
            set_content(response, _read(response.raw, request.url, largest))
        else:
            response.raw = _Timely(response.raw)
        return response

    session.send = bounded


class _Timely:
    """An answer that is streamed: what is asked for of it comes within MAX_RESPONSE_S, or not at all."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def read(self, size: int) -> bytes:
        """Return `size` bytes, fewer only at the end. Raises urllib3's own errors."""
        parts: list[bytes] = []
        deadline = time.monotonic() + MAX_RESPONSE_S
        while size > 0 and (part := self._raw.read1(size)):
            if time.monotonic() > deadline:
                raise urllib3.exceptions.ReadTimeoutError(None, "", "it drips")  # type: ignore[arg-type]
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


def _read(raw: Any, url: str, largest: int) -> bytes:
    chunks: list[bytes] = []
    total = 0
    deadline = time.monotonic() + MAX_RESPONSE_S
    try:
        while chunk := raw.read1(1 << 16):
            total += len(chunk)
            if time.monotonic() > deadline:
                raw.close()
                raise ReadTimeoutError(endpoint_url=url, error=f"no complete response in {MAX_RESPONSE_S:.0f} s")
            if total > largest:
                raw.close()
                raise HTTPClientError(error=f"the response is larger than {largest >> 20} MiB")
            chunks.append(chunk)
    except urllib3.exceptions.ReadTimeoutError as error:
        raise ReadTimeoutError(endpoint_url=url, error=error) from error
    except (urllib3.exceptions.ProtocolError, ConnectionError) as error:
        raise ConnectionClosedError(endpoint_url=url, request=None, error=error) from error
    except urllib3.exceptions.HTTPError as error:
        raise HTTPClientError(error=error) from error
    if raw.length_remaining:
        # Half an answer would be parsed like a whole one: of half a list, as if nothing was there.
        raise ConnectionClosedError(endpoint_url=url, request=None, error=None)
    return b"".join(chunks)
