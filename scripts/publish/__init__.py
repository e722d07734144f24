"""From rendered pages to a published site: light, safe, checked, compressed, and put in place by one rename."""
