"""Services in this process: text read from a picture that was drawn for it."""

import subprocess
import sys

import pytest
from PIL import Image, ImageDraw, ImageFont

from maestro_env.backends.local_services import LOCAL_SERVICES, local_service, read_text
from maestro_env.errors import UnknownNameError


def drawn(*lines: str) -> Image.Image:
    image = Image.new("RGB", (420, 60 * max(1, len(lines))), "white")
    pen = ImageDraw.Draw(image)
    for i, line in enumerate(lines):
        pen.text((20, 12 + 60 * i), line, fill="black", font=ImageFont.load_default(32))
    return image


def test_read_text__lines_from_the_top_of_every_picture() -> None:
    pytest.importorskip("rapidocr_onnxruntime", exc_type=ImportError)
    assert read_text([drawn("Total 42.50", "Paris"), drawn("Exit")]) == "Total 42.50\nParis\nExit"


def test_read_text__none_where_there_is_none() -> None:
    pytest.importorskip("rapidocr_onnxruntime", exc_type=ImportError)
    assert read_text([drawn()]) == "none"


def test_local_service__by_its_exact_name() -> None:
    assert local_service("rapidocr") is LOCAL_SERVICES["rapidocr"]
    with pytest.raises(UnknownNameError, match=r"Unknown local service 'rapidcor'. Did you mean 'rapidocr'"):
        local_service("rapidcor")


def test_read_text__without_the_library_names_the_extra() -> None:
    code = (
        "import sys\nsys.modules['rapidocr_onnxruntime'] = None\n"
        "from maestro_env.backends.local_services import read_text\n"
        "from maestro_env.errors import MissingExtraError\n"
        "try: read_text([])\nexcept MissingExtraError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'maestro-env[ocr]'" in done.stdout
