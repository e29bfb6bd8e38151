"""A typed client of the service: `http.Client(url)`."""
