"""Dagster's words about features that are not final yet; import this before Dagster."""

from __future__ import annotations

import re
import warnings

from dagster import BetaWarning, PreviewWarning

for category in (BetaWarning, PreviewWarning):
    warnings.filterwarnings("ignore", category=category)
warnings.filterwarnings("ignore", message=re.escape("Parameter `owners`"))
