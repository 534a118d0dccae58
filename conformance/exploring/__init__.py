"""Exploration: Hypothesis draws whole scenarios; what is found is shrunk to a scenario file that runs by itself."""
