"""speak: text (+ voice) → `Speech`."""
