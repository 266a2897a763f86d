"""The liquidity coverage ratio (BCBS 238): its tables, stages, parameters and cases."""
