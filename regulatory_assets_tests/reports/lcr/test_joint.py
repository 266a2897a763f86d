"""What of joint deposits is insured, spread to the last place alike on both engines."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import pyarrow as pa

from regulatory_assets.engine import Engine
from regulatory_assets.reports.lcr.joint import DEPOSIT_CLAIMS, insured_claims

LIMIT, UNIT = Decimal(100_000), Decimal("0.00000001")
CLAIMS = {  # a holder of the sample: two deposits alone, a half and four fifths of two others
    "D0000000097": ("33640.69", "0", "1", "1"),
    "D0000000293": ("65085.70", "0", "1", "1"),
    "D0000002057": ("2329.20", "0", "1", "2"),
    "D0000002404": ("23942.37", "0.2", "1", "1"),
}


def test_insured_claims_add_up_to_the_limit_and_the_largest_takes_the_residue(
    engine: Engine,
) -> None:
    rows = [
        {
            "deal_id": deal, "holder_id": "C", "entity_id": "E", "scheme": "S", "insured": True,
            "held": Decimal(held), "before": Decimal(before), "upto": Decimal(upto),
            "whole": Decimal(whole), "insured_limit": LIMIT,
        }
        for deal, (held, before, upto, whole) in CLAIMS.items()
    ]  # fmt: skip
    schema = pa.schema([(c.name, c.type.arrow) for c in DEPOSIT_CLAIMS.columns])
    claims = engine.session.createDataFrame(pa.Table.from_pylist(rows, schema=schema))
    found = {
        row["deal_id"]: row["insured"]
        for row in insured_claims.function(claims, None).toArrow().to_pylist()
    }
    own = {
        deal: Decimal(held) * (Decimal(upto) - Decimal(before)) / Decimal(whole)
        for deal, (held, before, upto, whole) in CLAIMS.items()
    }
    shares = {
        deal: (LIMIT * claim / sum(own.values())).quantize(UNIT, ROUND_HALF_UP)
        for deal, claim in own.items()
    }
    residue = LIMIT - sum(shares.values())
    assert residue, "nothing is left over, so nothing would show"
    assert found == shares | {"D0000000293": shares["D0000000293"] + residue}
