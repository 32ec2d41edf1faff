"""Pictures as requests carry them."""

import asyncio
import base64
import gc
import io

from PIL import Image

from maestro_env.backends.endpoints.pictures import PictureEncoder, encode_picture


def test_encode__is_a_jpeg_of_the_picture() -> None:
    image = Image.new("RGB", (40, 30), (200, 30, 30))
    encoded = encode_picture(image)
    prefix, _, data = encoded.data_url.partition(b",")
    assert prefix == b"data:image/jpeg;base64"
    decoded = Image.open(io.BytesIO(base64.b64decode(data)))
    assert (decoded.format, decoded.size) == ("JPEG", (40, 30))
    middle = decoded.getpixel((20, 15))
    assert isinstance(middle, tuple)
    assert max(abs(got - put) for got, put in zip(middle, (200, 30, 30), strict=True)) <= 3


def test_encode__same_pixels_same_hash() -> None:
    red, again, blue = (Image.new("RGB", (8, 8), colour) for colour in ("red", "red", "blue"))
    assert encode_picture(red) == encode_picture(again)
    assert encode_picture(red).sha256 != encode_picture(blue).sha256


def test_encoder__encodes_each_picture_once() -> None:
    async def encode() -> int:
        encoder = PictureEncoder()
        first, second = Image.new("RGB", (8, 8)), Image.new("RGB", (8, 8))
        got = await asyncio.gather(*(encoder.encode(image) for image in (first, second, first, first)))
        assert got[0] is got[2]
        assert await encoder.encode(first) is got[0]
        return encoder.num_encoded

    assert asyncio.run(encode()) == 2


def test_encoder__forgets_what_nobody_holds() -> None:
    async def encode() -> tuple[int, int]:
        encoder = PictureEncoder()
        for _ in range(5):
            await encoder.encode(Image.new("RGB", (8, 8)))
        gc.collect()
        return encoder.num_encoded, len(encoder._known)

    assert asyncio.run(encode()) == (5, 0)


def test_encoder__who_gives_up_takes_nothing_from_others() -> None:
    async def encode() -> None:
        encoder = PictureEncoder()
        image = Image.new("RGB", (8, 8))
        impatient, patient = (asyncio.ensure_future(encoder.encode(image)) for _ in range(2))
        await asyncio.sleep(0)
        impatient.cancel()
        assert (await patient).data_url

    asyncio.run(encode())
