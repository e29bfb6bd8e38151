"""What other programs write and read: ONNX models, PyTorch's files, arrays of other libraries."""
