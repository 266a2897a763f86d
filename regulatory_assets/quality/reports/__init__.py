"""Checks that only one report can know; a module here is found without being named elsewhere."""
