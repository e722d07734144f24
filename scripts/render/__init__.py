"""From the stage to HTML: the site generator, and which of its pages can stay."""
