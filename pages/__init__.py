"""The pages that a run leaves behind: their templates, and what fills them."""
