"""Real servers and raw clients for the tests; nothing here pretends to be something else."""
