"""From recordings to clips: find, guess, cut, and draw what will be seen."""
