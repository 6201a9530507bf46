"""What people read of a run: pictures, an HTML page, a Markdown page and a terminal table, all from its result."""
