"""H&E becomes Ki-67 and back (an improved CycleGAN), at any size; and how many nuclei are positive is counted."""
