"""Finding one's way among looks: named grades, what lies between them, and a map of them all."""
