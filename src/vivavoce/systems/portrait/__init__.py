"""portrait: a picture and words, or speech, become a video; the default that works everywhere."""
