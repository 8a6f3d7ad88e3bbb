"""The product: what a release is, what has to be done for it, and doing that. Knows neither Pulumi nor HTTP.

release = Release(coordinates, assets)
plan = make_plan(release, look(registry, release.at, scheduler))
for event in apply(release, sources, registry, scheduler):
    ...
"""

from .apply import apply, look
from .digest import digest
from .events import (
    AssetProgress,
    AssetSent,
    AssetStarted,
    Event,
    Finished,
    Finishing,
    LookingAgain,
    Planned,
    Removed,
    StatusSet,
)
from .permission import Permission
from .plan import Action, Finish, Plan, Release, RemoteVersion, make_plan
from .quota import refuse_oversized
from .retire import Known, Retirement, retire
from .scheduler import Scheduler, ThreadScheduler
from .source import Source

__all__ = [
    "Action",
    "AssetProgress",
    "AssetSent",
    "AssetStarted",
    "Event",
    "Finish",
    "Finished",
    "Finishing",
    "Known",
    "LookingAgain",
    "Permission",
    "Plan",
    "Planned",
    "Release",
    "RemoteVersion",
    "Removed",
    "Retirement",
    "Scheduler",
    "Source",
    "StatusSet",
    "ThreadScheduler",
    "apply",
    "digest",
    "look",
    "make_plan",
    "refuse_oversized",
    "retire",
]
