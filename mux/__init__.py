"""llm-mux: every LLM API dialect to every provider, streaming, through one local server."""

__version__ = "0.1.0"
