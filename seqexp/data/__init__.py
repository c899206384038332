"""Data: from files to batches. Split first, then fit on train; windows are views, never copies."""
