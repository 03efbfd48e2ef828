"""Access control lists in Kafka: what a principal may do, and giving it what it lacks."""

from collections.abc import Iterable
from typing import Final

from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
)
from kafka.errors import ClusterAuthorizationFailedError, SecurityDisabledError

from schema.acls import Right
from schema.errors import GigawattError
from schema.kafka import KafkaAdmin
from schema.kafka_refused import needing

_ANYWHERE: Final = "*"
_WORDS: Final = {
    operation: "".join(word.capitalize() for word in operation.name.split("_")) for operation in ACLOperation
}
_OPERATIONS: Final = {words: operation for operation, words in _WORDS.items()}


class AclAdmin(KafkaAdmin):
    """Reads and gives rights, as a principal that may alter the cluster: a super user mostly."""

    def rights_of(self, principal: str) -> set[Right]:
        """Return what is allowed to a principal by name, from anywhere. Raises `GigawattError`."""
        pattern = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.LITERAL)
        wanted = ACLFilter(principal, _ANYWHERE, ACLOperation.ANY, ACLPermissionType.ALLOW, pattern)
        try:
            with needing(self._access, "Describe", "the cluster"):
                found, _ = self._client.describe_acls(wanted)
        except SecurityDisabledError as error:
            raise _no_authorizer(self._bootstrap) from error
        return {
            Right(_WORDS[acl.operation], acl.resource_pattern.resource_type.name.lower(), _name(acl)) for acl in found
        }

    def allow(self, principal: str, rights: Iterable[Right]) -> None:
        """Give rights to a principal, from anywhere; those that it has stay. Raises `GigawattError`."""
        wanted = [
            ACL(
                principal,
                _ANYWHERE,
                _OPERATIONS[right.operation],
                ACLPermissionType.ALLOW,
                ResourcePattern(ResourceType[right.kind.upper()], right.name),
            )
            for right in rights
        ]
        if not wanted:
            return
        with needing(self._access, "Alter", "the cluster"):
            failed = self._client.create_acls(wanted)["failed"]
            if ClusterAuthorizationFailedError in failed:
                raise ClusterAuthorizationFailedError
        if SecurityDisabledError in failed:
            raise _no_authorizer(self._bootstrap)
        if failed:
            raise GigawattError(f"{len(failed)} rights of {principal} could not be set: {failed[0].__name__}")


def _name(acl: ACL) -> str:
    return str(acl.resource_pattern.resource_name)


def _no_authorizer(bootstrap: str) -> GigawattError:
    return GigawattError(
        f"Kafka at {bootstrap} has no authorizer: everybody may do everything; set authorizer.class.name there"
    )
