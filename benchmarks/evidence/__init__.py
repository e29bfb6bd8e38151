"""Published results, done again: each script prints ours beside the paper's.

python -m benchmarks.evidence.forecasting    ETTh1, Linear and NLinear
python -m benchmarks.evidence.language       tiny-shakespeare, nanoGPT
python -m benchmarks.evidence.digits         MNIST, LeNet-5
"""
