"""Fuzz targets: one for each entry point that eats bytes."""
