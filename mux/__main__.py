"""``python -m mux``."""

from __future__ import annotations

from mux.cli.main import main

if __name__ == "__main__":
    main()
