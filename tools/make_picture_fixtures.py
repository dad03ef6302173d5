#!/usr/bin/env python3
"""Make the small pictures that the data tests read, and what Pillow makes of them.

    pip install pillow==13.0.0 pyarrow==26.0.1 numpy==2.4.6
    python3 tools/make_picture_fixtures.py crates/unfold/tests/reference

pictures/ gets one file of each kind that is hard to read (CMYK, 16 bits, palette, opacity, turned by EXIF, several
pictures in one file) and a Parquet file as the Hugging Face hub publishes pictures. pictures.json has the decoded
values, pictures in other sizes, and pictures changed in light, colour and place, all [H, W, C].
"""

import io
import json
import math
import pathlib
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageEnhance, ImageOps


def smooth(height: int, width: int) -> np.ndarray:
    """A picture without sharp edges, which every decoder of JPEG gives nearly alike."""
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    red = 127 + 110 * np.sin(3 * x + y)
    green = 127 + 110 * np.cos(2 * y - x)
    blue = 127 + 90 * np.sin(4 * y + 2 * x)
    return np.stack([red, green, blue], axis=-1).round().astype(np.uint8)


def rough(height: int, width: int, channels: int, seed: int) -> np.ndarray:
    values = np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)
    return values


def image(values: np.ndarray) -> Image.Image:
    return Image.fromarray(values[..., 0] if values.shape[-1] == 1 else values)


def stored(picture: Image.Image | np.ndarray) -> dict:
    values = np.asarray(picture)
    values = values[..., None] if values.ndim == 2 else values
    return {"shape": list(values.shape), "values": values.flatten().tolist()}


def files(folder: pathlib.Path) -> dict:
    """Writes the files; gives what they show on white."""
    folder.mkdir(exist_ok=True)
    base = Image.fromarray(smooth(12, 20))
    expected = {}

    def put(name: str, picture: Image.Image, shown: Image.Image | None = None, **options) -> None:
        picture.save(folder / name, **options)
        with Image.open(folder / name) as again:
            expected[name] = stored(again.convert("RGB") if shown is None else shown)

    put("plain.jpg", base, quality=95, subsampling=0)
    put("progressive.jpg", base, quality=95, progressive=True)
    put("cmyk.jpg", base.convert("CMYK"), quality=95)
    put("grey.jpg", base.convert("L"), base.convert("L"), quality=95)
    turned = Image.Exif()
    turned[0x0112] = 6
    base.save(folder / "turned.jpg", quality=95, subsampling=0, exif=turned)
    with Image.open(folder / "turned.jpg") as again:
        expected["turned.jpg"] = stored(ImageOps.exif_transpose(again))
    put("plain.webp", base, quality=95)
    put("plain.bmp", base)
    put("plain.png", base)

    palette = base.quantize(16)
    put("palette.png", palette, palette.convert("RGB"))
    seen = np.dstack([smooth(12, 20), np.tile(np.linspace(0, 255, 20).astype(np.uint8), (12, 1))])
    white = Image.new("RGBA", (20, 12), (255, 255, 255, 255))
    opacity = Image.fromarray(seen)
    over = Image.alpha_composite(white, opacity).convert("RGB")
    put("opacity.png", opacity, over)
    put("opacity.webp", opacity, over, lossless=True, exact=True)
    faint = Image.merge("LA", [base.convert("L"), opacity.getchannel("A")])
    put("faint.png", faint, Image.composite(base.convert("L"), Image.new("L", (20, 12), 255), faint.getchannel("A")))
    sixteen = (np.arange(240, dtype=np.uint32).reshape(12, 20) * 274).astype(np.uint16)
    shown = ((sixteen.astype(np.uint32) + 128) // 257).astype(np.uint8)
    put("sixteen.png", Image.fromarray(sixteen), Image.fromarray(shown))
    bits = Image.fromarray(np.asarray(base.convert("L")) > 127)
    put("bits.png", bits, bits.convert("L"))

    frames = [Image.fromarray(smooth(12, 20)[:, ::step]).resize((20, 12)) for step in (1, -1)]
    frames = [frame.quantize(64) for frame in frames]
    frames[0].save(folder / "moving.gif", save_all=True, append_images=frames[1:], duration=100)
    expected["moving.gif"] = stored(frames[0].convert("RGB"))
    frames = [frame.convert("RGB") for frame in frames]
    frames[0].save(folder / "moving.webp", save_all=True, append_images=frames[1:], lossless=True)
    expected["moving.webp"] = stored(frames[0])
    return expected


def sizes() -> list[dict]:
    """Pictures brought to other sizes, whole and from a rectangle."""
    cases = []
    for channels, height, width in [(3, 23, 31), (1, 17, 40)]:
        values = rough(height, width, channels, height)
        picture = image(values)
        for out, box in [
            ((10, 8), None),
            ((31, 11), None),
            ((45, 60), None),
            ((8, 8), (4, 0, 27, 16.5)),
            ((12, 9), (1.25, 2.5, 20.75, 13.125)),
        ]:
            result = picture.resize(out, Image.Resampling.BILINEAR, box=box)
            box = list(box or (0, 0, width, height))
            cases.append({"from": stored(values), "box": box, "to": stored(result)})
    return cases


def turned(values: np.ndarray, degrees: float, right: float, down: float, scale: float, shear: tuple) -> dict:
    """A map of the plane about the middle, put together from its parts and turned round by numpy."""
    height, width, _ = values.shape

    def turn(angle: float) -> np.ndarray:
        c, s = math.cos(angle), math.sin(angle)
        return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])

    def move(x: float, y: float) -> np.ndarray:
        return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]])

    slant_x = np.array([[1, -math.tan(math.radians(shear[0])), 0], [0, 1, 0], [0, 0, 1]])
    slant_y = np.array([[1, 0, 0], [-math.tan(math.radians(shear[1])), 1, 0], [0, 0, 1]])
    whole = (
        move(width / 2 + right, height / 2 + down)
        @ turn(math.radians(degrees))
        @ slant_y
        @ slant_x
        @ np.diag([scale, scale, 1])
        @ move(-width / 2, -height / 2)
    )
    back = np.linalg.inv(whole)
    result = image(values).transform(
        (width, height), Image.Transform.AFFINE, tuple(back[:2].flatten()), Image.Resampling.BILINEAR
    )
    # Where a neighbour lies outside, Pillow and others differ.
    y, x = np.mgrid[0:height, 0:width] + 0.5
    there_x = back[0, 0] * x + back[0, 1] * y + back[0, 2] - 0.5
    there_y = back[1, 0] * x + back[1, 1] * y + back[1, 2] - 0.5
    inside = (there_x > 0) & (there_y > 0) & (there_x < width - 1) & (there_y < height - 1)
    return {
        "degrees": degrees,
        "right": right,
        "down": down,
        "scale": scale,
        "shear": list(shear),
        "to": stored(result),
        "inside": inside.flatten().astype(int).tolist(),
    }


def hue(values: np.ndarray, turn: float) -> np.ndarray:
    import colorsys

    out = np.empty_like(values)
    for place in np.ndindex(values.shape[:2]):
        h, s, v = colorsys.rgb_to_hsv(*(values[place] / 255))
        out[place] = [round(255 * part) for part in colorsys.hsv_to_rgb((h + turn) % 1, s, v)]
    return out


def changes() -> dict:
    cases = {}
    for name, channels in [("colours", 3), ("greys", 1)]:
        # Not the whole range, so that stretching it shows.
        values = (30 + rough(20, 26, channels, channels).astype(np.uint16) * 190 // 255).astype(np.uint8)
        picture = image(values)
        results = {
            "brightness 0.6": ImageEnhance.Brightness(picture).enhance(0.6),
            "brightness 1.4": ImageEnhance.Brightness(picture).enhance(1.4),
            "contrast 0.5": ImageEnhance.Contrast(picture).enhance(0.5),
            "contrast 1.7": ImageEnhance.Contrast(picture).enhance(1.7),
            "sharpness 0.3": ImageEnhance.Sharpness(picture).enhance(0.3),
            "sharpness 1.8": ImageEnhance.Sharpness(picture).enhance(1.8),
            "autocontrast": ImageOps.autocontrast(picture),
            "equalize": ImageOps.equalize(picture),
            "posterize 4": ImageOps.posterize(picture, 4),
            "solarize 128": ImageOps.solarize(picture, 128),
        }
        if channels == 3:
            results["saturation 0.4"] = ImageEnhance.Color(picture).enhance(0.4)
            results["saturation 1.5"] = ImageEnhance.Color(picture).enhance(1.5)
            results["hue 0.1"] = hue(values, 0.1)
            results["hue -0.4"] = hue(values, -0.4)
        moves = [
            turned(values, 20, 0, 0, 1, (0, 0)),
            turned(values, -35, 1.5, -2.25, 1.2, (8, 0)),
            turned(values, 5, 0, 3, 0.8, (-10, 12)),
        ]
        cases[name] = {
            "from": stored(values),
            "results": {key: stored(result)["values"] for key, result in results.items()},
            "moves": moves,
        }
    return cases


def hub(path: pathlib.Path) -> None:
    rows = []
    for n in range(24):
        data = io.BytesIO()
        Image.new("RGB", (6, 5), (n * 10, 255 - n * 10, n)).save(data, "PNG")
        rows.append({"bytes": data.getvalue(), "path": f"{n}.png"})
    features = {
        "img": {"_type": "Image"},
        "label": {"names": ["cat", "dog", "owl"], "_type": "ClassLabel"},
    }
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table({"img": pa.array(rows, kind), "label": [n % 3 for n in range(24)]})
    pq.write_table(table.replace_schema_metadata(metadata), path, compression="snappy")


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    out = pathlib.Path(sys.argv[1])
    expected = {"files": files(out / "pictures"), "sizes": sizes(), "changes": changes()}
    hub(out / "pictures" / "hub.parquet")
    (out / "pictures.json").write_text(json.dumps(expected, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
