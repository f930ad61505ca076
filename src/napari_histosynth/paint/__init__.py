"""Label maps become H&E."""
