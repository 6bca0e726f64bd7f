"""What must last: SQLite or PostgreSQL, one code path."""
