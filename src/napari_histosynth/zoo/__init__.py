"""Models on disk: find, verify, load and save them."""
