"""Who belongs to the group, also when somebody does who is no worker.

Whoever reaches the broker may join. Faust's leader reads what each member says of itself, and ends its worker where it
cannot.
"""

from collections.abc import Mapping
from typing import Any

import structlog
from aiokafka.coordinator.protocol import ConsumerProtocol, ConsumerProtocolMemberMetadata
from faust.assignor import PartitionAssignor

log = structlog.get_logger()


class Assignor(PartitionAssignor):  # type: ignore[misc]  # Faust is untyped
    """Assigns as Faust does, and gives nothing to members that it could not assign anything to even alone."""

    _left_out: frozenset[str] = frozenset()

    def _perform_assignment(self, cluster: Any, member_metadata: Mapping[str, Any]) -> Any:
        try:
            return super()._perform_assignment(cluster, member_metadata)
        except Exception as error:
            kept = {name: said for name, said in member_metadata.items() if self._can_be_read(cluster, name, said)}
            left_out = frozenset(member_metadata.keys() - kept.keys())
            if not left_out or not kept:
                raise
            if left_out != self._left_out:
                self._left_out = left_out
                what = f"{type(error).__name__}: {error}"[:200]
                log.error(  # noqa: TRY400  theirs, not ours
                    "ignored members of the group that are not workers", members=len(left_out), error=what
                )
            return super()._perform_assignment(cluster, kept)

    def _can_be_read(self, cluster: Any, name: str, said: Any) -> bool:
        try:
            super()._perform_assignment(cluster, {name: said})
        except Exception:  # noqa: BLE001  whatever it is, it must not end the leader
            return False
        return True


class _Metadata(ConsumerProtocolMemberMetadata):  # type: ignore[misc]  # aiokafka is untyped
    """What a member says of itself; nothing where it cannot be taken apart."""

    @classmethod
    def decode(cls, data: Any) -> Any:
        try:
            return super().decode(data)
        except Exception:  # noqa: BLE001  whatever it is, it must not end the leader
            return cls(0, [], b"")


def install() -> None:
    """Have aiokafka's consumers take apart what members say."""
    ConsumerProtocol.METADATA = _Metadata
