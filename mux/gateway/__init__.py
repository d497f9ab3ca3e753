"""One request, from the client's bytes to the client's bytes."""
