"""What each branch of the bank holds and moves."""
