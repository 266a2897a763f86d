"""What is expected of a delivery beyond what makes it wrong: shares, movements, plausibility.

``suite`` makes the expectations, ``profile`` measures a day, ``report`` has Great Expectations
judge the one by the other. Nothing here stops a figure: what does is a check (``quality.checks``).
"""
