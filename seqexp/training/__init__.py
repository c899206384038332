"""The training loop. It knows no Hydra, no files and no screen: it is handed an observer and a `save` callable."""
