"""Checks that no declaration implies; a module here is found without being named elsewhere."""
