"""Artifacts of machine-learning frameworks, one module each. Importing one does not import the framework."""
