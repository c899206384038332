"""What can be said: the schema, its composition from YAML, and the identity of an experiment."""
