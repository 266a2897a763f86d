"""Whether a day's tables can be relied on: checks derived from declarations, and schemas.

``examination`` reads a consistent day, ``schemas`` gives each table's pandera schema, ``checks``
derives the checks of every table, ``reports`` holds what only one report can know. Nothing here
knows Dagster, posts or changes anything.
"""
