import errno
import gzip

import numpy as np
import pytest
import SimpleITK as sitk

from scripts.images import Refusing
from scripts.storage import is_storage_failure, write_whole


@pytest.fixture
def image():
    return sitk.GetImageFromArray(np.random.default_rng(1).normal(size=(8, 8, 8)))


def test_a_whole_file_gets_its_name_and_nothing_else_is_left(image, tmp_path):
    path = tmp_path / "a.nii.gz"
    write_whole(path, lambda part: sitk.WriteImage(image, str(part), useCompression=True))
    assert [p.name for p in tmp_path.iterdir()] == ["a.nii.gz"]
    read = sitk.GetArrayFromImage(sitk.ReadImage(path))
    np.testing.assert_array_equal(read, sitk.GetArrayFromImage(image))


@pytest.mark.parametrize("kept", [0, 1, 200, -1])
def test_a_file_cut_short_without_a_word_is_an_error_and_takes_no_name(image, tmp_path, kept):
    """What ITK does on a full disk: part of the bytes, and no error."""

    def cut(part):
        sitk.WriteImage(image, str(part), useCompression=True)
        part.write_bytes(part.read_bytes()[:kept])

    path = tmp_path / "a.nii.gz"
    path.write_bytes(gzip.compress(b"what was there before"))
    with pytest.raises(OSError, match="disk full") as caught:
        write_whole(path, cut)
    assert is_storage_failure(caught.value)
    assert gzip.decompress(path.read_bytes()) == b"what was there before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_that_fails_or_writes_nothing_is_a_storage_failure(tmp_path):
    def fails(part):
        raise RuntimeError("ITK")

    for writer in (fails, lambda part: None):
        with pytest.raises(OSError, match="disk full") as caught:
            write_whole(tmp_path / "a.nii.gz", writer)
        assert caught.value.errno == errno.EIO
    assert not list(tmp_path.iterdir())


def test_a_full_disk_fails_the_job_and_is_no_problem_of_a_case():
    class Job:
        stem = "P1"
        noted = 0

        def note(self, *_):
            self.noted += 1

    job = Job()
    with pytest.raises(OSError), Refusing(job, {}, ""):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert job.noted == 0
    with Refusing(job, {}, ""):
        raise FileNotFoundError(errno.ENOENT, "a slice that is gone is the case's own")
    assert job.noted == 1
