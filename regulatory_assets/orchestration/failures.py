"""Known refusals as Dagster failures: what is wrong and what to do, without a trace; and answers
that were lost on the way, which Dagster asks for once more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dagster import Failure, RetryRequested
from pyspark.errors.exceptions.connect import SparkConnectGrpcException

from regulatory_assets.audit.anchors import AnchorError
from regulatory_assets.bank.delivery import DeliveryError
from regulatory_assets.control.append_only import UnguardedError
from regulatory_assets.control.database import (
    DatabaseURLError,
    LostDatabaseError,
    NewerDatabaseError,
)
from regulatory_assets.control.register import LostRace
from regulatory_assets.engine import EngineError
from regulatory_assets.ledger.gate import DayClosed
from regulatory_assets.ledger.lake import LakeError
from regulatory_assets.ledger.plan import NotReady
from regulatory_assets.ledger.postcheck import PostingRefused
from regulatory_assets.privacy.sealing import VaultError
from regulatory_assets.regulation.document import ParameterError

REMEDIES: dict[type[Exception], str] = {
    LostRace: "Nothing was lost or counted twice; run it again when the other run has ended.",
    DayClosed: "Nothing was posted; the closed figures stand as they were.",
    NotReady: "Materialise what the message names, for the same day, then this asset again.",
    DeliveryError: "Have the file delivered again, then run the day again; nothing was posted.",
    LakeError: "No figure was computed. Bring the storage in order, then run the day again.",
    PostingRefused: "Nothing was registered. Correct the input, then run the day again.",
    EngineError: "Nothing was computed. Bring the engine in order, then run the day again.",
    VaultError: "Nothing was posted. Bring the vault in order, then run the day again.",
    ParameterError: "Nothing was computed. Correct the parameter file, then run the day again.",
    NewerDatabaseError: "Nothing was computed.",
    AnchorError: "See to the anchor file, then run the day again.",
    DatabaseURLError: "Nothing was computed.",
    LostDatabaseError: "Nothing was computed, and the anchors were left as they are.",
    UnguardedError: "Nothing was computed.",
}

UNREADABLE = "Exception deserializing response"
"""What gRPC says where it cannot read a message that arrived."""


@contextmanager
def plainly() -> Iterator[None]:
    """Turn a refusal whose cause is known into a failure that says the remedy.

    Where only the connection to the engine failed, the step is run once more: what it may have
    written is in no register.
    """
    try:
        yield
    except SparkConnectGrpcException as error:
        if error.getGrpcStatusCode().name == "UNAVAILABLE" or UNREADABLE in str(error):
            raise RetryRequested(max_retries=1) from error
        raise
    except tuple(REMEDIES) as error:
        remedy = next(text for kind, text in REMEDIES.items() if isinstance(error, kind))
        raise Failure(
            description=f"{error}\nRemedy: {remedy}",
            metadata={"kind": type(error).__name__, "remedy": remedy},
            allow_retries=isinstance(error, LostRace),
        ) from None
