"""Blind scores: which clip comes next, the page that asks, and what raters agree on."""
