"""Presence and delivery for any Socket.IO client."""
