"""Sockets out."""
