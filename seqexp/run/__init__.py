"""The composition root: an `Experiment` becomes data, model, task, state and store, and these become a loop."""
