"""Regulation as data: dated, cited parameters and decision tables, and the cases that prove them.

``document`` reads YAML strictly, ``files`` says what a parameter file may hold, ``parameters``
merges regimes and dates, ``requirements`` checks which rows must be there and in which order,
``references`` what they name in each other, ``tables`` is what a stage sees, ``expressions`` turns
tables into engine columns, ``cases`` loads worked examples. No factor and no report stands here.
"""
