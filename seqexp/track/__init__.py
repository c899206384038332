"""Observers of the loop: the metric log, the console."""
