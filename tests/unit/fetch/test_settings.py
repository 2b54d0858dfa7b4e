import pytest
from pydantic import ValidationError

from rigoromics.config.fetch import Fetch
from rigoromics.errors import DataError
from rigoromics.fetch.sources import query_of, secrets_of
from scripts.fetch import main

WEB = {"dicomweb": {"url": "https://pacs/dicom-web"}}
PEER = {"host": "pacs", "port": 104, "ae_title": "PACS"}


def test_the_shortest_sections():
    for source in (WEB, {"dimse": PEER}, {"collection": {"name": "lidc_idri"}}):
        assert Fetch.model_validate(source).patients == "clinical"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dimse": PEER}, "name one source"),
        ({"dicomweb": None}, "name one source"),
        ({"patients": "all"}, "everybody"),
        ({"first_date": "2020-02-01", "last_date": "2020-01-01"}, "after"),
        ({"modalities": ["ct"]}, "modalities"),
        ({"series": {"CT": "("}}, "regular expression"),
        ({"connections": 99}, "connections"),
        ({"dicomweb": {"url": "pacs/dicom-web"}}, "http"),
        ({"dicomweb": {"url": "https://u:pw@pacs/"}}, "RIGOROMICS_FETCH_USER"),
        ({"dicomweb": {"url": "https://pacs/?token=pw"}}, "RIGOROMICS_FETCH_USER"),
        ({"dicomweb": {"url": "https://pacs", "password": "pw"}}, "Extra inputs"),
        ({"dicomweb": {"url": "https://pacs", "tls": {"key": "a.pem"}}}, "needs `certificate`"),
        ({"dicomweb": None, "dimse": PEER | {"ae_title": "LONGER THAN SIXTEEN"}}, "ae_title"),
        ({"dicomweb": None, "dimse": PEER | {"ae_title": "A\\B"}}, "ae_title"),
    ],
)
def test_mistakes_are_found_before_anything_is_sent(change, words):
    with pytest.raises(ValidationError, match=words):
        Fetch.model_validate(WEB | change)


def test_a_password_in_the_config_is_refused_and_not_repeated(root):
    """As a person meets it: through the study's own words for mistakes."""
    import yaml

    from rigoromics.config.load import load_study

    config = yaml.safe_load((root / "tests/workflow/quick.yaml").read_text())
    with pytest.raises(DataError, match="RIGOROMICS_FETCH_PASSWORD") as refusal:
        load_study(config | {"fetch": {"dicomweb": {"url": "https://me:hunter2@pacs/web"}}})
    assert "hunter2" not in str(refusal.value)


def test_the_question_comes_from_the_config_and_the_clinical_table():
    settings = Fetch.model_validate(WEB | {"modalities": ["CT"], "last_date": "2020-01-31"})
    query = query_of(settings, ["007"])
    assert (query.patients, query.modalities) == (frozenset({"007"}), frozenset({"CT"}))
    assert query.date_range == "-20200131"
    everyone = Fetch.model_validate(WEB | {"patients": "all", "first_date": "2020-01-01"})
    assert query_of(everyone, ["007"]).patients is None
    with pytest.raises(DataError, match="clinical: table"):
        query_of(settings, None)


def test_secrets_come_from_the_environment_alone():
    assert secrets_of({}).token == ""
    found = secrets_of({"RIGOROMICS_FETCH_USER": "me", "RIGOROMICS_FETCH_PASSWORD": "pw"})
    assert (found.user, found.password) == ("me", "pw")


def test_without_a_section_the_way_out_is_said(tmp_path):
    with pytest.raises(DataError, match="no section `fetch`"):
        main(raw=tmp_path, private=tmp_path, archive={}, registry="none.tsv")


def test_a_registry_that_is_not_there_and_a_clinical_table_without_the_column(tmp_path):
    archive = {"collection": {"name": "x"}, "patients": "all"}
    with pytest.raises(DataError, match="registry of collections is not there"):
        main(raw=tmp_path, private=tmp_path, archive=archive, registry=tmp_path / "none.tsv")
    table = tmp_path / "clinical.csv"
    table.write_text("name\n1\n")
    with pytest.raises(DataError, match="no column 'patient'"):
        main(raw=tmp_path, private=tmp_path, archive=WEB, registry="none.tsv", clinical=table)
