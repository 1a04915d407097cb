"""Makes a small picture of a large one: reads a file from standard input and writes WebP to standard output.

A program of its own that knows nothing of the desk. What a decoder does with a
picture that somebody made for it, it does here, with bounds on time and memory,
and what it cannot read has no thumbnail. Nothing of the original is passed on but
its pixels, turned as its EXIF data says.
"""

import contextlib
import resource
import sys
import warnings

from PIL import Image, ImageOps

# The side that a thumbnail has at most, twice what pages show, for dense screens.
SIDE = 640
# A decoded picture of so many pixels takes 200 MB; cameras have fewer.
PIXELS_MAX = 50_000_000
MEMORY_MAX, SECONDS_MAX = 1_000_000_000, 15
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")


def main() -> None:
    """Shrink standard input to standard output."""
    with contextlib.suppress(ValueError, OSError):  # macOS takes no bound on the address space.
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS_MAX, SECONDS_MAX))
    # Between one and two times this bound Pillow only warns.
    Image.MAX_IMAGE_PIXELS = PIXELS_MAX
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    with Image.open(sys.stdin.buffer, formats=FORMATS) as picture:
        # A JPEG can be decoded to a fraction of its size at once.
        picture.draft("RGB", (SIDE, SIDE))
        picture.thumbnail((SIDE, SIDE), reducing_gap=2.0)
        turned = ImageOps.exif_transpose(picture)
        mode = "RGBA" if turned.has_transparency_data else "RGB"
        pixels = Image.new(mode, turned.size)
        pixels.paste(turned.convert(mode))
    pixels.save(sys.stdout.buffer, "WEBP", quality=82, method=4)


if __name__ == "__main__":
    main()
