"""The product: what a release is, what has to be done for it, and doing that. Knows neither Pulumi nor HTTP.

release = Release(coordinates, assets)
plan = make_plan(release, look(registry, release.at, scheduler))
for event in apply(release, sources, registry, scheduler):
    ...
"""

from .ahead import apply_ahead, first_sent
from .apply import apply, look
from .approved import Approved, departure
from .digest import digest
from .events import (
    AssetProgress,
    AssetSent,
    AssetStarted,
    Copied,
    Event,
    Finished,
    Finishing,
    Hashed,
    LookingAgain,
    Planned,
    Removed,
    StatusSet,
)
from .gates import Pin, Promotion, duration_text, time_text
from .origin import Chosen, Origin, choose
from .permission import Permission
from .plan import Action, Finish, Plan, Release, RemoteVersion, Route, make_plan, refused
from .quota import refuse_oversized
from .retire import Known, Retirement, retire
from .review import Review, Sum, least_s, sum_of
from .scheduler import Scheduler, ThreadScheduler
from .source import Source
from .verify import Downloading, Expected, Result, Sealed, Verdict, verify

__all__ = [
    "Action",
    "Approved",
    "AssetProgress",
    "AssetSent",
    "AssetStarted",
    "Chosen",
    "Copied",
    "Downloading",
    "Event",
    "Expected",
    "Finish",
    "Finished",
    "Finishing",
    "Hashed",
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
    "Result",
    "Retirement",
    "Review",
    "Route",
    "Scheduler",
    "Sealed",
    "Source",
    "StatusSet",
    "Sum",
    "ThreadScheduler",
    "Verdict",
    "apply",
    "apply_ahead",
    "choose",
    "departure",
    "digest",
    "duration_text",
    "first_sent",
    "least_s",
    "look",
    "make_plan",
    "refuse_oversized",
    "refused",
    "retire",
    "sum_of",
    "time_text",
    "verify",
]
