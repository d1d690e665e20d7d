"""Tuning Fork in Python: exporting models to ONNX."""
