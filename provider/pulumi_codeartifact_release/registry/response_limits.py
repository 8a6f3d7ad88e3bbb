"""Limits of size and time for responses: an endless response must not fill this machine's memory.

limit_responses(client)
"""

from __future__ import annotations

import time
from typing import Any

import urllib3.exceptions
from botocore.exceptions import ConnectionClosedError, HTTPClientError, ReadTimeoutError

from .botocore_internals import http_session, set_content
from .retries_and_concurrency import MAX_RESPONSE_BYTES, MAX_RESPONSE_S


def limit_responses(client: Any, largest: int = MAX_RESPONSE_BYTES) -> None:
    """Make the client refuse larger responses. Whoever reads a streamed response limits its size."""
    # botocore reads a whole response before any hook runs: only its HTTP session can stop that.
    session = http_session(client)
    send = session.send

    def send_limited(request: Any) -> Any:
        is_streamed, request.stream_output = request.stream_output, True
        response = send(request)
        # botocore reads an error whole, also that of an operation that streams.
        if not is_streamed or response.status_code >= 300:
            set_content(response, _read(response.raw, request.url, largest))
        else:
            response.raw = _TimeLimitedStream(response.raw)
        return response

    session.send = send_limited


class _TimeLimitedStream:
    """A streamed response whose every read takes at most MAX_RESPONSE_S."""

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
                raise urllib3.exceptions.ReadTimeoutError(None, "", "the response is too slow")  # type: ignore[arg-type]
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
        # The parser would accept half a response as a complete one with fewer items.
        raise ConnectionClosedError(endpoint_url=url, request=None, error=None)
    return b"".join(chunks)
