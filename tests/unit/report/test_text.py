"""Sentences, numbers with an origin, and what may stand in them."""

import json
from pathlib import Path

import pandas as pd
import pytest
import typst
from hypothesis import given, settings
from hypothesis import strategies as st

from rigoromics.errors import DataError
from rigoromics.report.bibliography import references
from rigoromics.report.registry import Registry, Source, SourcedTable
from rigoromics.report.text import Cite, enumerate_texts, join, say
from rigoromics.report.typst_source import Writer, escape
from rigoromics.report.wording import feature_name, fixed, listing, p_equals, p_value, plural

SOURCE = Source("validation/x/metrics.tsv", "a" * 64, "evaluate", "tables/x.tsv")


@pytest.fixture
def table() -> SourcedTable:
    frame = pd.DataFrame(
        {"metric": ["auc", "p"], "cohort": ["c", "c"], "estimate": [0.7149, 0.0004],
         "lower": [0.601, float("nan")], "upper": [0.8, float("nan")], "n": [41, 41]}
    )  # fmt: skip
    return SourcedTable(frame, SOURCE)


def test_a_number_knows_where_it_comes_from(table):
    registry = Registry("run-1")
    number = registry.interval(table, {"metric": "auc", "cohort": "c"})
    assert number.text == "0.71 (95% CI 0.60 to 0.80)"
    assert number.row == "metric=auc, cohort=c"
    (record,) = registry.records()
    assert record["table"] == SOURCE.name
    assert record["sha256"] == SOURCE.sha256
    assert (record["value"], record["lower"], record["upper"]) == (0.7149, 0.601, 0.8)
    assert (record["step"], record["run"]) == ("evaluate", "run-1")


def test_a_number_used_twice_is_one_number(table):
    registry = Registry()
    first = registry.cell(table, {"metric": "auc"}, "n")
    assert registry.cell(table, {"metric": "auc"}, "n") is first
    assert len(registry.numbers) == 1


def test_an_ambiguous_or_missing_row_is_an_error(table):
    registry = Registry()
    with pytest.raises(LookupError, match="2 rows"):
        registry.cell(table, {"cohort": "c"}, "n")
    with pytest.raises(LookupError, match="0 rows"):
        registry.interval(table, {"metric": "brier"})


def test_missing_values_are_written_so_that_json_can_hold_them(table):
    registry = Registry()
    number = registry.derived(table, float("nan"), "not estimable", "r", "c")
    registry.interval(table, {"metric": "p"})
    text = json.dumps(registry.records(), allow_nan=False)
    assert '"nan"' in text
    assert number.value == "nan"


def test_words_of_people_are_never_read_as_a_template():
    text = say("{who} wrote [@zou2005].", who="{evil} [@none]")
    assert text == ("{evil} [@none]", " wrote ", Cite(("zou2005",)), ".")


def test_a_missing_insert_is_an_error():
    with pytest.raises(KeyError):
        say("{nothing}")


def test_texts_are_listed_as_english_lists_them():
    assert listing([]) == ""
    assert listing(["a"]) == "a"
    assert listing(["a", "b", "c"]) == "a, b and c"
    assert "".join(map(str, enumerate_texts([("a",), ("b",), ("c",)]))) == "a, b and c"
    assert join([("a",), (), ("b",)]) == ("a", " ", "b")


@pytest.mark.parametrize(
    ("p", "text"), [(0.04999, "0.050"), (0.0005, "<0.001"), (1.0, "1.00"), (0.0999, "0.100")]
)
def test_p_values(p, text):
    assert p_value(p) == text
    assert p_equals(p).replace("\u00a0", "") in (f"p={text}", f"p{text}")


def test_numbers_have_a_real_minus_and_no_negative_zero():
    assert fixed(-0.214) == "−0.21"
    assert fixed(-0.001) == "0.00"
    assert fixed(float("nan")) == "not estimable"
    assert plural(1, "centre") == "centre"


def test_names_that_are_not_features_stay_as_they_are():
    assert feature_name("age") == "age"


def test_every_reference_of_the_project_is_complete(root: Path):
    found = references((root / "report/references.bib").read_text(encoding="utf-8"))
    assert len(found) >= 18
    for reference in found.values():
        # The Journal of Machine Learning Research gives no DOIs.
        assert reference.where.startswith(("doi:10.", "https://jmlr.org/papers/"))
        assert ";" in reference.text
        assert ":" in reference.text.rsplit(";", 1)[1]
    assert found["zou2005"].text.startswith("Zou H, Hastie T. Regularization")


def test_a_bibliography_without_entries_is_refused():
    with pytest.raises(DataError, match="no entry"):
        references("nothing here")


def printed(markup: str, folder: Path) -> str:
    """What typst prints for a piece of markup, by typst itself."""
    source = folder / "q.typ"
    source.write_text(f"#set smartquote(enabled: false)\n#metadata([{markup}]) <q>\n", "utf-8")
    return words_of(json.loads(typst.query(str(source), "<q>", field="value"))[0])


def words_of(node: dict) -> str:
    kinds = {"space": " ", "smartquote": '"' if node.get("double", True) else "'"}
    if node["func"] in kinds:
        return kinds[node["func"]]
    return node.get("text", "") + "".join(words_of(child) for child in node.get("children", []))


@settings(max_examples=150, deadline=None)
@given(words=st.text(alphabet="ab1 \\#$*_[]<>@`~=-+/.;:(){}\"'%&|^!?,", min_size=1, max_size=25))
def test_what_people_write_is_printed_letter_by_letter(words, tmp_path_factory):
    folder = tmp_path_factory.mktemp("typst")
    expected = " ".join(words.split()).replace("...", "…")
    assert " ".join(printed(escape(words), folder).split()) == expected


@pytest.mark.parametrize("after", [";", "; to", "(x)", ".5", ".text", ": a", "[x]"])
def test_what_follows_a_number_is_not_taken_for_code(after, table, tmp_path):
    number = Registry().cell(table, {"metric": "auc"}, "n")
    markup = Writer().text((number, after)).replace("#num(", "#((key, body) => body)(")
    assert printed(markup, tmp_path) == f"41{after}"
