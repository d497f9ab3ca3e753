"""Tests of what the gateway decides, without sockets."""
