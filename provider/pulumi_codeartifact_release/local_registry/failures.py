"""The service's errors, under the names of their shapes in botocore's model."""

from __future__ import annotations

from typing import Any


class StoreError(RuntimeError):
    """The folder cannot be used as a registry: it is something else, or a newer version of this package wrote it."""


class ServiceError(Exception):
    """An error answer.

    Attributes:
        shape: the error's name, `ConflictException` say, or one of AWS's front door that the model does not hold.
        members: the shape's members: `message` and, where it has them, `resourceId`, `resourceType`, `reason`.
        status: the HTTP status; None takes the model's.
    """

    def __init__(self, shape: str, message: str, *, status: int | None = None, **members: Any) -> None:
        super().__init__(message)
        self.shape = shape
        self.status = status
        self.members: dict[str, Any] = {"message": message, **members}


def invalid(message: str, reason: str = "FIELD_VALIDATION_FAILED") -> ServiceError:
    """Build a 400 about a parameter, which the message names. `reason` is one of ValidationExceptionReason."""
    return ServiceError("ValidationException", message, reason=reason)


def not_found(resource_type: str, resource_id: str, message: str = "") -> ServiceError:
    """Build a 404. `resource_type` is one of ResourceType: domain, repository, package, package-version, asset."""
    return ServiceError(
        "ResourceNotFoundException",
        message or f"The {resource_type} {resource_id} does not exist.",
        resourceId=resource_id,
        resourceType=resource_type,
    )


def conflict(message: str, resource_type: str, resource_id: str) -> ServiceError:
    """Build a 409: the request contradicts what the registry holds."""
    return ServiceError("ConflictException", message, resourceId=resource_id, resourceType=resource_type)


def quota_exceeded(message: str, resource_type: str, resource_id: str) -> ServiceError:
    """Build a 402: more, or larger, than the account's quota allows."""
    return ServiceError("ServiceQuotaExceededException", message, resourceId=resource_id, resourceType=resource_type)


def refused(shape: str, message: str) -> ServiceError:
    """Build a 403 of AWS's front door: the request is not signed by a known key."""
    return ServiceError(shape, message, status=403)


def body_mismatch() -> ServiceError:
    """Build the 400 for an asset whose bytes are not those of the declared hash."""
    return invalid("Value at 'assetSHA256' is not the SHA-256 hash of the asset's content.", "OTHER")
