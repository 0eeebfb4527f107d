"""The parts of M4 (arXiv 2308.14363, Table 1) as PyTorch modules with seeded random weights, and their exports to ONNX."""
