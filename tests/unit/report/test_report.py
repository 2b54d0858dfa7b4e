"""The paper of whole studies: what it says, where it has it from, and that it says no more."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from rigoromics.report import limitations
from tests.unit.report.conftest import write_paper


class Page(HTMLParser):
    """Words, links and ids of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words, self.links, self.sources, self.ids, self.tags = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append(tag)
        self.links += [found["href"]] if "href" in found else []
        self.sources += [found["src"]] if "src" in found else []
        self.ids += [found["id"]] if "id" in found else []

    def handle_data(self, data):
        if not self.tags or self.tags[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


def page(paper: Path) -> Page:
    return Page((paper / "report.html").read_text(encoding="utf-8"))


def manuscript(paper: Path) -> str:
    return (paper / "manuscript.typ").read_text(encoding="utf-8")


def numbers(paper: Path) -> list[dict]:
    return json.loads((paper / "numbers.json").read_text(encoding="utf-8"))["numbers"]


def test_the_page_opens_offline(full_paper):
    found = page(full_paper)
    assert all(source.startswith("data:image/") for source in found.sources)
    assert not [link for link in found.links if re.match(r"(https?:)?//", link)]
    assert not {"link", "script", "iframe"} & set(found.tags)
    assert len(found.sources) >= 15


def test_every_link_of_the_page_leads_somewhere(full_paper):
    found = page(full_paper)
    assert len(found.ids) == len(set(found.ids))
    for link in set(found.links):
        if link.startswith("#"):
            assert link[1:] in found.ids
        else:
            assert (full_paper / link).is_file()


def test_every_number_stands_in_the_table_it_names(full_paper, full_study):
    folder, _ = full_study
    checked = 0
    for number in numbers(full_paper):
        selector = dict(re.findall(r"(\w+)=([^,=]*)(?:, |$)", number["row"]))
        path = folder / number["table"]
        if path.suffix != ".tsv" or not path.is_file():
            continue
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
        if number["column"] not in table.columns or not set(selector) <= set(table.columns):
            continue
        for column, value in selector.items():
            table = table[table[column] == value]
        assert len(table) == 1, number
        cell = table[number["column"]].iloc[0]
        assert number["value"] == (float(cell) if cell else "nan")
        if number["lower"] is not None:
            own = f"{number['column']}_lower"
            assert float(table[own if own in table else "lower"].iloc[0]) == number["lower"]
        checked += 1
    assert checked > 100


def test_every_number_has_a_table_a_hash_a_step_and_a_run(full_paper):
    found = numbers(full_paper)
    assert len({n["key"] for n in found}) == len(found)
    for number in found:
        assert re.fullmatch(r"[0-9a-f]{64}", number["sha256"])
        assert number["table"]
        assert number["step"]
        assert re.fullmatch(r"[0-9a-f]{12}", number["run"])


def test_the_run_is_named_by_what_it_was_made_from(paper_of, tmp_path):
    def run_of(paper: Path) -> str:
        return json.loads((paper / "numbers.json").read_text(encoding="utf-8"))["run_id"]

    first = run_of(paper_of(survival=False))
    assert run_of(paper_of(survival=False)) == first

    def change(folder: Path, config: dict) -> None:
        with (folder / "validation/metastasis/roc.tsv").open("a") as file:
            file.write("\n")

    assert run_of(paper_of(change, survival=False)) != first


def test_hashes_of_the_numbers_are_those_of_the_files(full_paper, full_study):
    import hashlib

    folder, _ = full_study
    for name in {n["table"] for n in numbers(full_paper)}:
        if (folder / name).is_file():
            (sha256,) = {n["sha256"] for n in numbers(full_paper) if n["table"] == name}
            assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == sha256


def test_numbers_of_the_text_are_links_on_page_and_paper(full_paper):
    text = (full_paper / "report.html").read_text(encoding="utf-8")
    source = manuscript(full_paper)
    used = set(re.findall(r'#num\("(n\d+)"\)', source))
    assert len(used) > 60
    for key in used:
        assert source.count(f'#label("{key}")') == 1
    assert len(re.findall(r'<a class="n" href="tables/[^"]+" title="[^"]+SHA-256', text)) > 100


def test_results_text_has_no_number_that_is_not_a_link(full_paper):
    source = manuscript(full_paper)
    results = source[source.index("= Results") : source.index("= Discussion")]
    prose = re.sub(r"#(study-table|picture|pictures)\((?:.|\n)*?\n?\)\n\n", "", results + "\n\n")
    prose = "\n".join(
        line for line in prose.splitlines() if (line and line[0] not in "=#( ") or "#num(" in line
    )
    prose = re.sub(r'#num\("n\d+"\)\[[^\]]*\]', "", prose)
    assert "External calibration" in prose
    # What is left are names (95th percentile, 0.5 as chance) and ideal values, not results.
    allowed = ["95th", "0.5, which is chance", "ideal: 1 and 0", "ideal: 1", "1 and 0",
               "12.5 mm"]  # fmt: skip
    for words in allowed:
        prose = prose.replace(words, "")
    assert not re.findall(r"(?<![\w-])\d+(?:\.\d+)?", prose)


def test_results_say_each_thing_once_for_each_endpoint(full_paper, full_study):
    text = page(full_paper).text
    endpoints = len(list((full_study[0] / "validation").iterdir()))
    for words in (
        "reached a cross-validated",
        "External calibration: slope",
        "2 external centres the",
        "The locked signature uses",
        "in every outer fold",
    ):
        assert text.count(words) == endpoints, words


def test_the_verdict_comes_before_all_else(full_paper, full_study):
    folder, _ = full_study
    verdict = json.loads((folder / "validation/metastasis/verdict.json").read_text())
    text = page(full_paper).text
    assert text.index(verdict["sentence"]) < text.index("Key numbers")
    source = manuscript(full_paper)
    assert source.index('#verdict("evidence"') < source.index("Abstract")


def test_a_null_study_says_no_evidence_on_its_first_page(paper_of):
    paper = paper_of(effect=0.0, survival=False)
    text = page(paper).text
    assert text.index("No evidence · metastasis") < text.index("Key numbers")
    source = manuscript(paper)
    assert source.index("No evidence · metastasis") < source.index("Abstract")
    assert 'class="verdict none"' in (paper / "report.html").read_text(encoding="utf-8")


def test_twenty_four_patients_without_external_ones_are_told_what_they_can_show(paper_of):
    paper = paper_of(external=False, survival=False)
    text = page(paper).text
    assert "Internal validation only" in text
    assert "There is no external cohort" in text
    assert "With 24 development patients" in text
    assert "not confirm one" in text
    assert "All development patients come from one centre" in text
    assert "external patients with" not in text
    assert (paper / "manuscript.pdf").stat().st_size > 20_000


def test_a_study_from_feature_tables_does_not_speak_of_images(paper_of):
    text = page(paper_of(images=False, survival=False)).text
    assert "The study starts from feature tables made elsewhere" in text
    assert "no control with shuffled voxels" in text
    for words in ("RTSTRUCT", "Dice", "Acquisition", "PyRadiomics 3", "Kaplan"):
        assert words not in text


def test_methods_say_what_the_config_says(paper_of):
    def change(folder: Path, config: dict) -> None:
        config["harmonisation"] |= {"method": "none"}
        config["validation"] |= {"outer_folds": 7, "repeats": 3}
        config["selection"] |= {"max_features": 4, "method": "univariate"}
        config["controls"] |= {"permutations": 0}

    text = page(paper_of(change, survival=False)).text
    assert "Features were not harmonised" in text
    assert "ComBat" not in text.split("Provenance")[0].split("Methods")[-1]
    assert "7 outer folds, repeated 3 times" in text
    assert "at most 4 entered a model" in text
    assert "univariate association" in text
    assert "permutations of the outcomes" not in text.split("Software and")[0].split("Negative")[-1]


def _patients(folder: Path, **columns: object) -> None:
    """Change columns of the analysis table."""
    path = folder / "model/table.parquet"
    table = pd.read_parquet(path)
    for name, change in columns.items():
        name = name.replace("__", ".")
        table[name] = change(table)
    table.to_parquet(path)


@pytest.mark.parametrize(
    ("unseen", "sentence"),
    [("align", "Only external patients of other batches were aligned"),
     ("none", "left as they were too: nothing was harmonised")],
)  # fmt: skip
def test_one_development_batch_is_not_said_to_be_harmonised(paper_of, unseen, sentence):
    def change(folder: Path, config: dict) -> None:
        config["harmonisation"]["unseen"] = unseen
        _patients(folder, study__batch=lambda t: t["study.role"])

    paper = paper_of(change, survival=False)
    text = page(paper).text
    assert "all development patients are of one batch" in text
    assert sentence in text
    assert "was fitted on the training patients of each fold" not in text
    assert "Imputation, scaling, stability filter," in text
    abstract = manuscript(paper).split("All learning")[1]
    assert "ComBat" not in abstract.split("took place")[0]


def test_controls_that_were_not_fitted_are_not_listed(paper_of):
    def change(folder: Path, config: dict) -> None:
        config["models"]["signatures"] = ["clinical", "radiomics"]
        config["models"]["primary"] = "clinical"
        config["controls"]["shuffled_voxels"] = False

    paper = paper_of(change, survival=False)
    text = page(paper).text
    assert "Controls were permuted outcomes" in manuscript(paper)
    controls = text.split("Radiomics signatures are known")[1].split("Software and")[0]
    assert "No other signature was fitted to hold the primary one against" in controls
    assert "volume alone" not in controls
    assert "clinical variables" not in controls


def test_a_study_from_feature_tables_starts_there(paper_of):
    text = page(paper_of(images=False, survival=False)).text
    assert "All steps from the feature tables to this document" in text
    assert "held against volume alone and clinical variables alone." in text
    assert "Imputation, harmonisation, scaling, redundancy filter," in text


def test_signatures_are_said_to_be_applied_only_where_outcomes_are_known(paper_of, full_paper):
    assert "applied, as locked, to each external cohort" in page(full_paper).text
    assert "applied once" not in page(full_paper).text

    def change(folder: Path, config: dict) -> None:
        inside = {"endpoint__metastasis": lambda t: t["endpoint.metastasis"].where(
            t["study.role"] == "development")}  # fmt: skip
        _patients(folder, **inside)
        for path in (folder / "validation").glob("*/*.tsv"):
            table = pd.read_csv(path, sep="\t")
            if "split" in table:
                table = table[table["split"] != "external"]
            table.to_csv(path, sep="\t", index=False)

    text = page(paper_of(change, survival=False)).text
    assert "as locked" not in text
    assert "No external patient has a known outcome, so there was no external validation" in text


def test_what_people_write_stays_text(paper_of):
    evil = '<script>alert("x")</script> #eval("1") $x$ *b* <n1> \\ @ref {{ 7*7 }} << 7*7 >>'

    def change(folder: Path, config: dict) -> None:
        config["paper"] |= {"title": evil, "authors": [evil], "note": evil, "affiliation": evil}
        config["endpoints"]["metastasis"]["label"] = evil
        problems = folder / "features/problems.tsv"
        table = pd.read_csv(problems, sep="\t", dtype=str, keep_default_na=False)
        table.loc[0, "problem"] = evil
        table.to_csv(problems, sep="\t", index=False)

    paper = paper_of(change, survival=False)
    text = (paper / "report.html").read_text(encoding="utf-8")
    assert "<script>" not in text
    assert "{{ 7*7 }}" in page(paper).text
    assert evil in page(paper).text
    assert (paper / "manuscript.pdf").read_bytes().startswith(b"%PDF")


def test_the_paper_has_the_same_bytes_when_written_again(full_paper, full_study, root, tmp_path):
    folder, config = full_study
    names = ["report.html", "manuscript.pdf", "manuscript.typ", "numbers.json", "figures/flow.png",
             "figures/flow.svg"]  # fmt: skip
    first = {name: (full_paper / name).read_bytes() for name in names}
    write_paper(folder, config, root)
    for name in names:
        assert (full_paper / name).read_bytes() == first[name], name


def test_the_manuscript_is_an_archival_pdf(full_paper):
    content = (full_paper / "manuscript.pdf").read_bytes()
    assert b"pdfaid:part" in content


def test_problems_of_all_stages_are_on_the_page(full_paper):
    text = page(full_paper).text
    assert "Show all 6 problems" in text
    assert "no contour" in text
    assert "share a position & one was <dropped>" in text
    assert "features/problems.tsv + sheet/problems.tsv" in text


def test_tables_of_single_patients_are_not_copied(full_paper):
    copied = [path.name for path in (full_paper / "tables").iterdir()]
    assert copied
    assert not [name for name in copied if re.search("parquet|exclusions|problems|acquis", name)]


@pytest.mark.parametrize("missing", ["stability", "features/features.dictionary.tsv", "images"])
def test_a_study_that_lacks_a_part_still_gets_its_paper(paper_of, missing):
    def change(folder: Path, config: dict) -> None:
        target = folder / missing
        for path in [target] if target.is_file() else sorted(target.rglob("*.tsv")):
            path.unlink()

    paper = paper_of(change, survival=False)
    assert "Key numbers" in page(paper).text


def test_stability_is_told_by_design_overlap_family_and_size(full_paper):
    text = page(full_paper).text
    for design in ("Between raters", "Between test and retest", "Between perturbations of image"):
        assert f"{design}" in text
    assert "Under all of them," in text
    assert "Show stability by family and by size of the ROI" in text
    assert "Patients of one third are more alike than all patients" in text
    assert "median surface Dice coefficient of" in text


def test_every_predictor_has_its_sentence_on_stability(full_paper, full_study):
    folder, _ = full_study
    text = page(full_paper).text
    said = pd.read_csv(folder / "stability/sentences.tsv", sep="\t").set_index("feature")[
        "sentence"
    ]
    used = json.loads(
        (folder / "model/metastasis/radiomics.elastic_net/signature.json").read_text()
    )["features_used"]
    known = [name for name in used if name in said.index]
    assert known
    assert "Show how stable each predictor is" in text
    for name in known:
        assert said[name] in text


def test_the_supplement_shows_reclassification_with_its_caveat(full_paper):
    words = page(full_paper).text
    assert "NRI, continuous" in words
    assert "0.12 (−0.04 to 0.28)" in words
    for text in (words, manuscript(full_paper)):
        assert "can rise although nothing was added" in text


def test_recalibrated_results_stand_beside_the_untouched_one(full_paper):
    words = page(full_paper).text
    row = words.index("0.61 (0.41 to 0.81)")
    assert words.index("0.97 (0.77 to 1.17)", row) > row
    assert "Only the first column is validation" in words


def test_subgroups_too_small_say_so(full_paper):
    words = page(full_paper).text
    assert "Sex, heterogeneity p 0.27" in words
    assert "female24 (11)0.71 (0.61 to 0.81) male6 (2)not estimable" in words


def test_what_a_study_explores_stands_on_page_and_paper(full_paper, full_study):
    folder, _ = full_study
    text, source = page(full_paper).text, manuscript(full_paper)
    features = pd.read_csv(folder / "univariate/metastasis/features.tsv", sep="\t")
    for words in (
        f"Of {features['p'].notna().sum()} features that could be tested, "
        f"{(features['q'] < 0.05).sum()} had a false discovery rate below 5%",
        "Features one by one: overall survival",
        "The same features and cut-offs in external patients: metastasis",
        "The strongest pairs of features and genes",
        "Treatment (arm: drug against control) in the risk groups of the radiomics signature",
        "Treatment was not allocated at random",
        "by the Mann-Whitney test, survival by a Cox model",
        "Which lesions speak for a patient",
        "Largest lesion (the study's rule)",
        "Worst: highest first order · 90 percentile.",
    ):
        assert words in text
    for name in ("metastasis.univariate", "survival.univariate", "survival.treatment", "heat_map"):
        assert f"pictures/{name}.png" in source
        assert (full_paper / f"pictures/{name}.png").stat().st_size > 5_000
    assert "metastasis.treatment" not in source


def test_the_bootstrap_stands_beside_cross_validation_where_there_is_one(full_paper):
    text = page(full_paper).text
    assert text.count("AUC, bootstrap .632+0.71 (0.57 to 0.83)") == 1
    assert "on 40 samples of patients, whose apparent AUC was 0.93" in text


def test_a_study_that_explores_nothing_says_nothing_of_it(paper_of):
    text = page(paper_of(survival=False)).text
    for words in (
        "xploratory",
        "one by one",
        "Treatment by risk group",
        "genes",
        "lesions speak",
        ".632+",
    ):
        assert words not in text


def test_methods_say_which_lesion_counts_and_how_change_became_features(paper_of, full_paper):
    def change(folder: Path, config: dict) -> None:
        config["lesions"] |= {"rule": "worst", "worst_by": "original_firstorder_Maximum"}
        config["longitudinal"] = {
            "baseline": "baseline", "follow_up": {"week6": {}}, "follows": {}, "near_zero": 0.05,
            "values": ["baseline", "relative"], "missing": "impute", "markers": {"ldh": {}},
        }  # fmt: skip

    text = page(paper_of(change, survival=False)).text
    assert "the one with the highest first order · maximum spoke for the patient" in text
    assert (
        "measured at baseline and week6 entered models as the first value and the relative" in text
    )
    assert "Clinical predictors also held ldh in the same way." in text
    other = page(full_paper).text
    assert "the largest one spoke for the patient. Other rules are compared" in other
    assert "measured at" not in other


def test_a_score_from_outside_comes_with_its_warning():
    def said(scores):
        return limitations._outside_score(SimpleNamespace(config={"clinical": {"scores": scores}}))

    assert said([]) == ()
    text = "".join(map(str, said(["cnn_score", "foundation"])))
    assert "cnn score and foundation come from another model" in text
    assert "too good" in text
