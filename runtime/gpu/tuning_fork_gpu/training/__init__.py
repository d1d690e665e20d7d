"""Scores and steps: packs of the tracker through a model, and its weights moved."""
