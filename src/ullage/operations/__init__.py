"""One function per use case: no HTTP words, no version numbers, no SQL."""
