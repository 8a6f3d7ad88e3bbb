"""Attempts, waits, time limits and parallel requests of all code that talks to a registry.

They are in `registry` because all of their users (publishing, the command line, the plugin) import that room.
Names that end in `_S` are in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping

# --- one request ------------------------------------------------------------------------------------------------------

CONNECT_TIMEOUT_S = 15.0
READ_TIMEOUT_S = 120.0
"""Twice boto3's: the service responds to a large asset only after it has stored it."""
MAX_TIMEOUT_S = 86_400.0
"""Maximum timeout that a user may set."""
REQUEST_ATTEMPTS = 6
"""Attempts of botocore for one request. Throttled responses are retried separately."""
MAX_CONNECTIONS = 64
MAX_RESPONSE_BYTES = 64 << 20
"""Maximum size of a response after decompression. A page of 1,000 assets has about half a MiB."""
MAX_RESPONSE_S = 120.0
"""Maximum time from the first to the last byte of a response: a slow stream of bytes never triggers READ_TIMEOUT_S."""
CALLER_CONNECT_TIMEOUT_S, CALLER_READ_TIMEOUT_S = 3, 5
"""Timeouts of GetCallerIdentity. They are short, because its result is optional."""
CREDENTIAL_PROCESS_S = 60.0
"""Timeout of a `credential_process`, as in AWS's SDK for Go."""
CHECKPOINT_S = 0.25
"""How often a waiting thread checks whether it must stop."""

# --- quotas and throttling --------------------------------------------------------------------------------------------

AWS_RATES: Mapping[str, float] = {
    "PublishPackageVersion": 10.0,
    "CopyPackageVersions": 5.0,
    "GetPackageVersionAsset": 50.0,
    "ListPackageVersionAssets": 200.0,
    # There is no quota of its own: this is the quota of all write requests of an account.
    "UpdatePackageVersionsStatus": 100.0,
}
"""The service's default quotas, requests per second for each account and region."""
PRUNE_READ_RATE = 50.0
"""Requests per second with which `prune` describes versions: a small part of the account's 800, which others need."""
MAX_IN_FLIGHT = 16
"""Maximum number of concurrent requests of one operation."""
BURST_S = 0.8
"""A quota allows one second's worth at once. Latency varies, so requests arrive closer together than they left."""
RATE_RECOVERY = 2.0
"""Requests per second, gained in each second. A smaller step wastes fewer requests on a full quota, but a server that
throttles 30 % at random is then slower than 1.5 requests per second."""
MIN_RATE = 0.5
BACKOFF_FIRST_S, BACKOFF_MAX_S = 0.5, 5.0
BACKOFF_TOTAL_S = 150.0
"""A used-up quota recovers with time, so it is worth waiting for minutes."""
MAX_RETRY_AFTER_S = 20

# --- reading again ----------------------------------------------------------------------------------------------------

LISTING_ATTEMPTS = 5
LISTING_FIRST_WAIT_S = 0.1
MAX_PAGES = 100
SETTLE_WAITS = (0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 6.0)
"""Seconds before each further read after a write. Reads are usually consistent within a second; a registry that takes
longer than the sum is reported."""
VERIFY_ROUNDS = 3
"""Maximum downloads of a version that changes while it is verified."""
DOWNLOAD_WAITS = (0.5, 2.0)
"""Seconds before each further download of an asset whose connection broke."""

# --- parallelism ------------------------------------------------------------------------------------------------------

PARALLEL_UPLOADS = 16
"""Maximum parallel uploads of one version."""
PARALLEL_DOWNLOADS = 8
"""Maximum parallel downloads of one version."""
PARALLEL_LARGE_DOWNLOADS = 4
"""Maximum parallel downloads of large assets in the process, because disks for temporary files are small."""
PARALLEL_PACKAGES = 4
"""Maximum parallel releases of one command, as many as in a Pulumi plugin."""
PARALLEL_COMMITS = 16
"""Maximum number of members of a bundle that become Published in parallel."""
PARALLEL_READS = 8
"""Maximum number of packages that `status` reads in parallel."""
