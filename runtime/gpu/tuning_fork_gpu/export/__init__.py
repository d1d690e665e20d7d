"""For where there is no GPU and no Python: policies taught and written as ONNX graphs."""
