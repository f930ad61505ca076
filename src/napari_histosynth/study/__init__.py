"""Is it good? Measurements of a model's pictures against real tissue of patients it never saw."""
