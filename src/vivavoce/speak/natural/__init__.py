"""Natural voices of English: two neural synthesizers, and a space of voices between them.

text ──reading──▶ symbols ──models──▶ sound, durations ──timing──▶ phones
                               ▲
                space: a point is a voice
"""
