"""Benchmarks of the gateway; `python -m bench` runs them all."""
