"""The nouns and their arithmetic: frozen records, standard library only."""
