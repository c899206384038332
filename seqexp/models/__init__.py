"""Models: recurrences, heads, and the classical baselines beside them. They know a `SequenceSpec`, no data set."""
