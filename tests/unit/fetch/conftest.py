"""Small images, a store, and a web server that says what a test wants."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from rigoromics.fetch.manifest import Manifest, Store
from rigoromics.fetch.query import RemoteSeries

SERIES = RemoteSeries("Meyer", "20200102", "1.2", "1.2.3", "CT", "thorax", 2)


def image_bytes(uid: str, series: RemoteSeries = SERIES) -> bytes:
    """One small image as a file."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, uid
    data.PatientID, data.StudyDate = series.patient, series.date
    data.StudyInstanceUID, data.SeriesInstanceUID = series.study_uid, series.series_uid
    data.Modality, data.SeriesDescription = series.modality, series.description
    data.Rows = data.Columns = 16
    data.BitsAllocated = data.BitsStored = 16
    data.HighBit, data.PixelRepresentation, data.SamplesPerPixel = 15, 0, 1
    data.PhotometricInterpretation = "MONOCHROME2"
    data.PixelData = np.arange(256, dtype=np.uint16).tobytes()
    buffer = BytesIO()
    data.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


@pytest.fixture
def store(tmp_path) -> Store:
    """An empty store."""
    return Store(Manifest(tmp_path / "private/manifest.tsv", tmp_path / "raw"), "salt")


@pytest.fixture
def web():
    """A web server on a port of its own: set `web.answer` to a function of path and headers.

    It returns status, headers and body; a body that is longer than its Content-Length is not sent
    whole, and the connection is closed.
    """

    class Web:
        answer: Callable[[str, dict[str, str]], tuple[int, dict[str, str], bytes]]
        asked: list[str] = []  # noqa: RUF012

    web = Web()
    web.asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            web.asked.append(self.path)
            status, headers, body = web.answer(self.path, dict(self.headers))
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = True

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    web.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield web
    server.shutdown()
    server.server_close()
