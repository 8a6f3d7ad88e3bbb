"""What is special about a bundle: check() of its members, and their state in the registry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from graphlib import CycleError
from typing import Any, TypeVar

from pulumi.runtime.rpc import UNKNOWN

from ..bundle_rules import MAX_MEMBERS, folder_problems
from ..manifest import value_problem
from ..publishing import (
    AssetContent,
    BundleRules,
    ExistingMember,
    Release,
    Request,
    ThreadScheduler,
    assets_of_contents,
    check_preconditions,
    checksums,
    digest_of,
    with_document,
)
from ..publishing.bundle import BundleMember, publication_order
from ..publishing.bundle_check import read_bundle_state
from ..registry.interface import Registry
from .check import Check, CheckFailure, withdrawal_from
from .preview import prepare_change, prepare_release
from .state import PLACE, BundleInputs, Inputs, MemberInput, same, split_id

_AnyInputs = TypeVar("_AnyInputs", bound=Inputs)


class BundleCheck(Check):
    """check() of a `Bundle`."""

    _argument = "members"

    def _resolve(self) -> dict[str, Any]:
        declaration = self._declaration
        contents = declaration.hash_members(self._context.cache)
        for files in contents.values():
            self._context.cache.keep(files.values())
        computed = ("checksums", "digest", "members")
        arguments = {name: value for name, value in self._inputs.items() if name not in computed}
        inputs = self._with_location(arguments, self._olds)
        self._show_locations(inputs)
        inputs["members"] = {
            name: self._member(member, contents.get(name)) for name, member in declaration.members.items()
        }
        if UNKNOWN in inputs.values():
            return {**inputs, "checksums": UNKNOWN, "digest": UNKNOWN}
        checked = BundleInputs.of(inputs)
        request = self._bundle_request(checked, contents)
        prepared = None
        if same(self._olds, inputs, (*PLACE, "members")):
            # The same members give the same list of members, and nobody has to be asked for their sizes.
            checked = replace(checked, checksums=str(self._olds["checksums"]))
        else:
            if any(member.existing for member in checked.members.values()):
                prepared = prepare_change(self._context, self._pending(request), prepare_release)
                request = prepared.request
            else:
                rules = request.bundle.members if request.bundle else ()
                request = with_document(request, [BundleMember.of(member.release) for member in rules])
            checked = replace(checked, checksums=checksums(request.release.assets))
        for version in (request, *(request.bundle.members if request.bundle else ())):
            check_preconditions(version)
        self._redact(checked.properties())
        self._remember(checked, self._pending(request), prepared)
        return checked.properties()

    def _wrong_arguments(self) -> list[CheckFailure]:
        members = self._declaration.members
        problems = [] if members else ["a bundle must have at least one member"]
        if len(members) > MAX_MEMBERS:
            problems.append(f"{len(members):,} members; a bundle has at most {MAX_MEMBERS}")
        for name in members:
            problems += [f"members[{name!r}]: {problem}" for problem in self._member_problems(name)]
        problems += [f"members[{name!r}]: {problem}" for name, problem in folder_problems(members).items()]
        try:
            publication_order(members, {name: member.get("after") or () for name, member in members.items()})
        except CycleError as error:
            problems.append(f"`after` is a circle: {' -> '.join(error.args[1])}")
        return [*super()._wrong_arguments(), *(CheckFailure("members", problem) for problem in problems)]

    def _member_problems(self, name: str) -> Iterator[str]:
        """Yield one line per mistake in a member."""
        members = self._declaration.members
        namespace, slash, package = name.partition("/")
        if slash:
            version = members[name].get("version") or "1"
            for key, value in {"namespace": namespace, "package": package, "version": version}.items():
                if problem := value_problem(key, value):
                    yield problem
        if name == f"{self._inputs.get('namespace')}/{self._inputs.get('package')}":
            yield "the bundle cannot be its own member"
        if not slash:
            yield "expected NAMESPACE/PACKAGE"
        for other in members[name].get("after") or ():
            if other not in members:
                yield f"`after` names {other}, which is not a member"

    def _member(self, member: Mapping[str, Any], contents: Mapping[str, AssetContent] | None) -> dict[str, str]:
        version = str(member.get("version") or self._inputs["version"])
        if contents is None:
            return MemberInput(version, digest=member["digest"]).properties()
        return MemberInput(version, checksums(assets_of_contents(contents))).properties()

    def _bundle_request(self, inputs: BundleInputs, contents: Mapping[str, Mapping[str, AssetContent]]) -> Request:
        declared = self._declaration.members

        def member_request(name: str, own: Inputs) -> Request:
            return Request(
                own.location,
                Release(own.coordinates, assets_of_contents(contents[name])),
                name,
                contents[name],
                replace_digest=declared[name].get("replace_digest") or None,
                allow=self._declaration.allow,
                withdrawal=withdrawal_from(declared[name].get("withdrawal")),
            )

        rules = BundleRules(
            tuple(member_request(name, own) for name, own in inputs.member_inputs().items()),
            tuple(
                ExistingMember(inputs.location.coordinates_of(name, member.version), member.digest)
                for name, member in inputs.members.items()
                if member.existing
            ),
            {name: member.get("after") or () for name, member in declared.items()},
        )
        return replace(self._request(replace(inputs, checksums="")), bundle=rules)


def read_members(inputs: _AnyInputs, registry: Registry) -> tuple[_AnyInputs, dict[str, str]]:
    """Return the inputs with the drift of each member of a bundle, and the revisions of the members that exist."""
    if not inputs.members:
        return inputs, {}
    members = [
        BundleMember(*split_id(name), member.version, member.digest or digest_of(member.checksums), 0)
        for name, member in inputs.members.items()
    ]
    state = read_bundle_state(registry, inputs.coordinates, members, ThreadScheduler())
    actual = dict(inputs.members)
    revisions = {}
    for checked in state.members:
        name, remote = checked.member.id, checked.remote
        member = replace(actual[name], drift=checked.problem)
        if remote and not member.existing:
            member = replace(member, checksums=checksums(remote.assets.values()))
        if remote:
            revisions[name] = remote.state.revision
        actual[name] = member
    return replace(inputs, members=actual), revisions
