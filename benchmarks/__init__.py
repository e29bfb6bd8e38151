"""Speed beside PyTorch: measure.py keeps time, suite/ says what is timed, compare.py shows it."""
