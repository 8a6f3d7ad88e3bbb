"""Plans and publishes releases. Knows neither Pulumi nor HTTP.

release = Release(coordinates, assets)
plan = make_plan(release, read_version(registry, release.at, scheduler))
for event in apply(release, contents, registry, scheduler):
    ...

Less common names are imported from their modules: `drift`, `plan_drift`, `verify`.
"""

from .apply import apply
from .asset_content import AssetContent, assets_of_contents, sizes, verify_cached_hashes
from .asset_size import refuse_oversized
from .bundle_prepare import each_in_threads, with_document
from .bundle_workflow import raise_refusals
from .digest import checksums, digest, digest_of, parse_checksums
from .events import (
    AssetProgress,
    AssetSent,
    AssetStarted,
    Copied,
    Deleted,
    Event,
    Finished,
    MemberEvent,
    Planned,
    Publishing,
    Rechecking,
    StatusSet,
)
from .gates import Pin, Promotion, Withdrawal, duration_text, refuse_withdrawn, time_text
from .permission import Permission, parse_forced, permitted_digest, unmatched
from .plan import Action, Finalize, Plan, Release, RemoteVersion, Route, make_plan, refused_plan
from .promotion_source import PromotionCandidate, PromotionSource, choose_candidate
from .read_version import read_version
from .retire import ExpectedVersion, Retirement, retire
from .review import Review, ReviewTotals, min_seconds, total_reviews
from .scheduler import Scheduler, ThreadScheduler
from .version_workflow import BundleRules, ExistingMember, PreparedRelease, Request, check_preconditions
from .workflow import CircuitBreaker, execute, prepare, prepare_again

__all__ = [
    "Action",
    "AssetContent",
    "AssetProgress",
    "AssetSent",
    "AssetStarted",
    "BundleRules",
    "CircuitBreaker",
    "Copied",
    "Deleted",
    "Event",
    "ExistingMember",
    "ExpectedVersion",
    "Finalize",
    "Finished",
    "MemberEvent",
    "Permission",
    "Pin",
    "Plan",
    "Planned",
    "PreparedRelease",
    "Promotion",
    "PromotionCandidate",
    "PromotionSource",
    "Publishing",
    "Rechecking",
    "Release",
    "RemoteVersion",
    "Request",
    "Retirement",
    "Review",
    "ReviewTotals",
    "Route",
    "Scheduler",
    "StatusSet",
    "ThreadScheduler",
    "Withdrawal",
    "apply",
    "assets_of_contents",
    "check_preconditions",
    "checksums",
    "choose_candidate",
    "digest",
    "digest_of",
    "duration_text",
    "each_in_threads",
    "execute",
    "make_plan",
    "min_seconds",
    "parse_checksums",
    "parse_forced",
    "permitted_digest",
    "prepare",
    "prepare_again",
    "raise_refusals",
    "read_version",
    "refuse_oversized",
    "refuse_withdrawn",
    "refused_plan",
    "retire",
    "sizes",
    "time_text",
    "total_reviews",
    "unmatched",
    "verify_cached_hashes",
    "with_document",
]
