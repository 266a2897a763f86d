"""The bank's own data: source tables, how files become tables, and the sample bank."""
