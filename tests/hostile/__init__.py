"""Hostile inputs, H01 to H80: each is sent to a real server while a bystander must notice nothing."""
