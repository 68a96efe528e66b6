"""How runs are judged: who may score what, intervals, floors, words, dates."""
