"""Hostile inputs, H01 to H109: each is sent to a real server while a bystander must notice nothing."""
