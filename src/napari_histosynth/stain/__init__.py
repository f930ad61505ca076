"""H&E becomes Ki-67 and back, at any size (after Liu et al., 2021); and positive nuclei are counted."""
