"""The product: what a release is, what has to be done for it, and doing that. Knows neither Pulumi nor HTTP.

release = Release(coordinates, assets)
plan = make_plan(release, look(registry, release.at, scheduler))
for event in apply(release, sources, registry, scheduler):
    ...

What few programs need has to be imported from its module: `approved`, `verify`.
"""

from .apply import apply, look
from .digest import checksums, digest, digest_of, parse_checksums
from .events import (
    AssetProgress,
    AssetSent,
    AssetStarted,
    Copied,
    Event,
    Finished,
    Finishing,
    LookingAgain,
    Planned,
    Removed,
    StatusSet,
)
from .gates import Pin, Promotion, duration_text, time_text
from .origin import Chosen, Origin, choose
from .permission import Permission
from .plan import Action, Finalize, Plan, Release, RemoteVersion, Route, make_plan, refused
from .quota import refuse_oversized
from .retire import Known, Retirement, retire
from .review import Review, Sum, least_s, sum_of
from .scheduler import Scheduler, ThreadScheduler
from .source import Source, recheck_cached

__all__ = [
    "Action",
    "AssetProgress",
    "AssetSent",
    "AssetStarted",
    "Chosen",
    "Copied",
    "Event",
    "Finalize",
    "Finished",
    "Finishing",
    "Known",
    "LookingAgain",
    "Origin",
    "Permission",
    "Pin",
    "Plan",
    "Planned",
    "Promotion",
    "Release",
    "RemoteVersion",
    "Removed",
    "Retirement",
    "Review",
    "Route",
    "Scheduler",
    "Source",
    "StatusSet",
    "Sum",
    "ThreadScheduler",
    "apply",
    "checksums",
    "choose",
    "digest",
    "digest_of",
    "duration_text",
    "least_s",
    "look",
    "make_plan",
    "parse_checksums",
    "recheck_cached",
    "refuse_oversized",
    "refused",
    "retire",
    "sum_of",
    "time_text",
]
