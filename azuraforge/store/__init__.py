"""What the Registry keeps: one database, and blobs named by their content."""
