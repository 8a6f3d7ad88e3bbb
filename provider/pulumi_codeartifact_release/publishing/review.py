"""What a person approves: the numbers of a plan, which are those of the run that carries it out. Pure.

review = Review(plan, rate=10.0)
review.requests, review.least_s
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .origin import Origin
from .plan import Action, Plan


@dataclass(frozen=True)
class Review:
    """A plan, and what it takes.

    Attributes:
        rate: the quota of uploads a second; None where nobody knows it.
        origin: of a promotion; None for what is published from files.
        looks_again: whether the run has looked already when it begins, to make this plan, and does not trust that.
        judges_again: whether it looks at a promotion's source again, too.
    """

    plan: Plan
    rate: float | None = None
    origin: Origin | None = None
    looks_again: bool = False
    judges_again: bool = False

    @property
    def requests(self) -> int:
        """How many requests an undisturbed run makes in all: looking, at the source too, downloading and writing."""
        again = self.plan.look if self.looks_again and not self.plan.guarded else 0
        return self.plan.requests + again + self.plan.downloads + self._judging

    @property
    def least_s(self) -> float:
        """How many seconds the quota of uploads makes it take at least; 0 where it does not, or is not known."""
        return least_s(self.plan.puts, self.rate)

    @property
    def _judging(self) -> int:
        if self.origin is None:
            return 0
        # Before anything is given up for it, the source is looked at once more in any case.
        again = self.plan.action is Action.REPLACE or (self.judges_again and not self.plan.copies and self.plan.sends)
        return self.origin.asked + (2 if again else 0)


def least_s(puts: int, rate: float | None) -> float:
    """Return the seconds that so many uploads take at least: the quota's bucket holds one second's worth at once."""
    return max(0.0, puts / rate - 1.0) if rate else 0.0


@dataclass(frozen=True)
class Sum:
    """What several plans come to, which share a quota.

    Attributes:
        changes, refused, unchanged: packages.
        assets: to send.
        there: declared assets of the packages that change, which the registry holds already.
        size: bytes to send.
        requests: of all plans.
        least_s: as `Review.least_s`, for all together.
    """

    changes: int
    refused: int
    unchanged: int
    assets: int
    there: int
    size: int
    requests: int
    least_s: float


def sum_of(reviews: Iterable[Review]) -> Sum:
    """Add up for a run of all of them at the command line.

    Requests of what is refused or unchanged count too, since it is looked at.
    """
    everything = list(reviews)
    changed = [review for review in everything if review.plan.changes]
    refused = sum(review.plan.action is Action.REFUSE for review in everything)
    rate = next((review.rate for review in everything if review.rate), None)
    return Sum(
        changes=len(changed),
        refused=refused,
        unchanged=len(everything) - len(changed) - refused,
        assets=sum(len(review.plan.sends) for review in changed),
        there=sum(len(review.plan.there) for review in changed),
        size=sum(review.plan.send_bytes for review in changed),
        requests=sum(review.requests for review in everything),
        least_s=least_s(sum(review.plan.puts for review in changed), rate),
    )
