"""What went wrong, as Edge says it: ``{"code", "message", "contexts"}``.

Known codes (from clients' own tests and from use): OrganizationDoesNotExist, EnvironmentDoesNotExist, ApplicationDoesNotExist,
ApplicationRevisionDoesNotExist, ResourceReferenceDoesNotExist, KeyStoreNotSpecified, KeyAliasNotSpecified, RevisionNotDeployed. For the other
resources the codes are made after the same pattern, for no list of Edge's is published; what only this gateway says begins with ``gateway.``.
"""

from __future__ import annotations

from whytls.exceptions import WhytlsError
from whytls.gateway.management.route import Answer
from whytls.gateway.store import Kind, Refused, Why

_STATUS: dict[Why, int] = {"missing": 404, "exists": 409, "in use": 409, "invalid": 400}
_ENDING: dict[Why, str] = {"missing": "DoesNotExist", "exists": "AlreadyExists", "in use": "InUse", "invalid": "NotValid"}
_BEANS: dict[Kind, str] = {
    "organization": "Organization", "environment": "Environment", "keystore": "KeyStore", "alias": "KeyAlias", "certificate": "Certificate",
    "reference": "ResourceReference", "virtual host": "VirtualHost", "target server": "TargetServer", "proxy": "Application",
    "revision": "ApplicationRevision", "file": "ResourceFile", "deployment": "Deployment", "role": "UserRole", "user": "User",
}  # fmt: skip


def answer(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Answer:
    """An error."""
    return Answer({"code": code, "message": message, "contexts": []}, status, headers=headers or {})


def of(error: WhytlsError) -> Answer:
    """The answer to a call that failed for a reason that its caller can mend."""
    if isinstance(error, Refused):
        code = error.code or f"messaging.config.beans.{_BEANS[error.kind]}{_ENDING[error.why]}"
        return answer(_STATUS[error.why], code, str(error))
    return answer(400, "gateway.management.InvalidRequest", str(error))
