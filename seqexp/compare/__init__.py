"""Runs beside each other: means, intervals, and whether their differences are real."""
