"""Files that others wrote: looked through before anything opens them."""
