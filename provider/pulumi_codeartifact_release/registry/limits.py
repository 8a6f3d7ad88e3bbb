"""Attempts, waits, time limits and parallel requests of all that talks to a registry.

It is here because `registry` is the lowest room whose users (publishing, the command line, the plugin) share them.
Names that end in `_S` are in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping

# --- one request ------------------------------------------------------------------------------------------------------

CONNECT_TIMEOUT_S = 15.0
READ_TIMEOUT_S = 120.0
"""Twice boto3's: the service responds to a large asset only after it has stored it."""
MAX_TIMEOUT_S = 86_400.0
"""The longest time-out that a user may set."""
REQUEST_ATTEMPTS = 6
"""Attempts of botocore for one request; throttled responses are retried apart from these."""
MAX_CONNECTIONS = 64
MAX_RESPONSE_BYTES = 64 << 20
"""Bytes of one response, decompressed. A page of 1,000 assets is about half a MiB."""
MAX_RESPONSE_S = 120.0
"""From a response's first byte to its last: a server that sends byte after byte never runs into the read time-out."""
CALLER_CONNECT_TIMEOUT_S, CALLER_READ_TIMEOUT_S = 3, 5
"""Of GetCallerIdentity, which is only a convenience."""
CREDENTIAL_PROCESS_S = 60.0
"""The longest run of a `credential_process`, as in AWS's SDK for Go."""
CHECKPOINT_S = 0.25
"""How often a waiting thread checks whether it shall stop."""

# --- quotas and throttling --------------------------------------------------------------------------------------------

AWS_RATES: Mapping[str, float] = {
    "PublishPackageVersion": 10.0,
    "CopyPackageVersions": 5.0,
    "GetPackageVersionAsset": 50.0,
    "ListPackageVersionAssets": 200.0,
}
"""The service's default quotas, requests per second for each account and region."""
MAX_IN_FLIGHT = 16
"""Requests of one operation that wait for their response at the same time."""
BURST_S = 0.8
"""A quota allows one second's worth at once. Latency varies, so requests arrive closer together than they left."""
RATE_RECOVERY = 2.0
"""Requests per second, gained in each second. A smaller step wastes fewer requests on a full quota, but a server that
throttles 30 % at random is then slower than 1.5 requests per second."""
MIN_RATE = 0.5
BACKOFF_FIRST_S, BACKOFF_MAX_S = 0.5, 5.0
BACKOFF_TOTAL_S = 150.0
"""A full quota clears by waiting, so waiting is worth minutes, whatever the responses ask for."""
MAX_RETRY_AFTER_S = 20

# --- reading again ----------------------------------------------------------------------------------------------------

LISTING_ATTEMPTS = 5
LISTING_FIRST_WAIT_S = 0.1
MAX_PAGES = 100
SETTLE_WAITS = (0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 6.0)
"""Seconds before each further read after a write. Reads are usually consistent within a second; a registry that takes
longer than the sum is reported."""
VERIFY_ROUNDS = 3
"""Downloads of a version that changes while it is verified."""
DOWNLOAD_WAITS = (0.5, 2.0)
"""Seconds before each further download of an asset whose connection broke."""

# --- at the same time -------------------------------------------------------------------------------------------------

PARALLEL_UPLOADS = 16
"""Of one version."""
PARALLEL_DOWNLOADS = 8
"""Of one version."""
PARALLEL_LARGE_DOWNLOADS = 4
"""Of the whole process: disks for temporary files are small."""
PARALLEL_PACKAGES = 4
"""Of one command: as many as a Pulumi plugin works on."""
PARALLEL_READS = 8
"""Environments and packages that `status` reads."""
