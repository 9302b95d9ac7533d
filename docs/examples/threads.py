"""One system serves several threads."""

from concurrent.futures import ThreadPoolExecutor

import vivavoce
from vivavoce.errors import VivavoceError

portrait = vivavoce.load("portrait")


def serve(text: str) -> str:
    """Make a video of one request, in whatever thread."""
    try:
        clip = portrait("me.png", text=text, size=128, seed=7)
        return f"{clip.save(f'{len(text)}.mp4').seconds:.1f} s"
    except VivavoceError as error:
        return f"{error} (exit code {error.exit_code})"


with ThreadPoolExecutor(3) as pool:
    for answer in pool.map(serve, ("Hello there.", "", "Good morning.")):
        print(answer)
