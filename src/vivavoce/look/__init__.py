"""look: picture → `Face`."""

from vivavoce.look.face import look

__all__ = ["look"]
