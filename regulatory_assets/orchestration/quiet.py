"""Silences Dagster's words about features that are not final yet, which it says as they are used:
so this is imported before what declares assets and checks."""

from __future__ import annotations

import re
import warnings

from dagster import BetaWarning, PreviewWarning

for category in (BetaWarning, PreviewWarning):
    warnings.filterwarnings("ignore", category=category)
warnings.filterwarnings("ignore", message=re.escape("Parameter `owners`"))
