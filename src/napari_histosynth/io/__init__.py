"""Pictures and label maps on disk."""
