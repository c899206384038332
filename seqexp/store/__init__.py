"""Files and nothing else: run directories, checkpoints, metric logs, provenance. Crash-safe, and never executed."""
