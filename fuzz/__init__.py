"""Bytes from nowhere, against the parts that decide."""
