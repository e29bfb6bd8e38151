"""Steps and forwards that are recorded once and done again, without Python per op."""
