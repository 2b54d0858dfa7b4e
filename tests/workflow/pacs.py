"""A real PACS for tests: Orthanc with its DICOMweb plugin, in a folder and on ports of its own."""

import json
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
import requests

from tests.workflow.certificates import EncryptedDoor

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
OWN = "RIGOROMICS"


def orthanc_program() -> str:
    """The program; a test that needs it skips where it is absent."""
    program = shutil.which("Orthanc", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if program is None or not PLUGIN.is_file():
        pytest.skip("needs a real PACS: Debian's packages orthanc and orthanc-dicomweb")
    return program


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Pacs:
    """One Orthanc; it can be stopped and started again with what it holds."""

    def __init__(self, folder: Path) -> None:
        self.program = orthanc_program()
        self.folder = folder
        self.http, self.dicom, self.own, self.dead = (free_port() for _ in range(4))
        self.process: subprocess.Popen[bytes] | None = None
        self.options: dict[str, object] = {}
        self.door: EncryptedDoor | None = None

    @property
    def root(self) -> str:
        """Root of its web server."""
        return f"http://127.0.0.1:{self.http}"

    @property
    def web(self) -> str:
        """Root of its DICOMweb service."""
        return f"{self.root}/dicom-web"

    def start(self, **options: object) -> None:
        """Start it and wait until it answers."""
        self.options |= options
        here = "127.0.0.1"
        settings = {
            "StorageDirectory": str(self.folder / "db"),
            "IndexDirectory": str(self.folder / "db"),
            "HttpPort": self.http,
            "DicomPort": self.dicom,
            "DicomAet": "PACS",
            "DicomCheckCalledAet": True,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "Plugins": [str(PLUGIN)],
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
            "DicomModalities": {
                "us": {"AET": OWN, "Host": here, "Port": self.own, "AllowGet": True},
                "elsewhere": {"AET": "ELSEWHERE", "Host": here, "Port": self.dead},
            },
        }
        config = self.folder / "orthanc.json"
        config.write_text(json.dumps(settings | self.options))
        with (self.folder / "orthanc.log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.program, str(config)], stdout=log, stderr=subprocess.STDOUT
            )
        for _ in range(200):
            try:
                requests.get(self.root, timeout=5)
                return
            except requests.exceptions.ConnectionError:
                time.sleep(0.05)
        pytest.fail((self.folder / "orthanc.log").read_text()[-2000:])

    def stop(self, kill: bool = False) -> None:
        """Stop it: in good order, or as a power cut would."""
        if self.process is not None:
            self.process.kill() if kill else self.process.terminate()
            self.process.wait(timeout=20)
            self.process = None

    def push(self, content: bytes, auth: tuple[str, str] | None = None) -> None:
        """Put one DICOM file in."""
        answer = requests.post(f"{self.root}/instances", data=content, auth=auth, timeout=20)
        assert answer.status_code == 200, answer.text
