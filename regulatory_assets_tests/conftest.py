"""Fixtures of all tests: engines and control databases."""

pytest_plugins = [
    "regulatory_assets_tests.fixtures_control",
    "regulatory_assets_tests.fixtures_engine",
]
