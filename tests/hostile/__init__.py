"""Hostile inputs, H01 to H95: each is sent to a real server while a bystander must notice nothing."""
