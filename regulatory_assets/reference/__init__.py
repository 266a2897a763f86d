"""Reference pages written from the code: tables, stages, parameters, settings, rules, proofs.

``python -m regulatory_assets.reference DIR`` writes them; a test fails when the committed pages
differ. A module for each part of the code that they show. Explanations for people belong in
``docs/``, not here.
"""
