"""Many experiments from one command: which they are, where they run, how far they are."""

LAUNCHERS = ("basic", "local")
"""The names of `hydra/launcher=`, each a module of `seqexp.sweep.launchers`."""
