"""What the commands show: tables, JSON, Markdown, bars and a page. Nothing is decided here."""
