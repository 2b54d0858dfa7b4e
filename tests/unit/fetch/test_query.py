from datetime import date

from rigoromics.fetch.query import Query, RemoteSeries, absent_patients


def series(number: int, **changes: object) -> RemoteSeries:
    values = {"patient": "a", "date": "20200102", "modality": "CT", "description": "Thorax 1 mm"}
    return RemoteSeries(**{**values, **changes}, study_uid="1", series_uid=str(number))


def test_each_filter_by_itself():
    some = series(1)
    assert Query().wants(some)
    assert Query(frozenset({"a"})).wants(some)
    assert not Query(frozenset({"A"})).wants(some)
    assert not Query(frozenset()).wants(some)
    assert Query(modalities=frozenset({"CT", "SEG"})).wants(some)
    assert not Query(modalities=frozenset({"MR"})).wants(some)
    assert Query(series={"CT": "^thorax"}).wants(some)
    assert not Query(series={"CT": "abdomen"}).wants(some)
    assert Query(series={"MR": "t1"}).wants(some), "a pattern for another modality"
    assert not Query(not_series={"CT": "1 mm"}).wants(some)


def test_days_count_whole_and_a_study_without_a_date_stays():
    second = date(2020, 1, 2)
    assert Query(first=second, last=second).wants(series(1))
    assert not Query(first=date(2020, 1, 3)).wants(series(1))
    assert not Query(last=date(2020, 1, 1)).wants(series(1))
    assert Query(first=date(2020, 1, 3)).wants(series(1, date=""))
    # PS3.4, C.2.2.2.5: a range is open where an end is left out.
    assert Query(first=second).date_range == "20200102-"
    assert Query(last=second).date_range == "-20200102"
    assert Query().date_range == ""


def test_select_takes_each_series_once_in_an_order_that_never_changes():
    found = [series(3, patient="b"), series(2), series(1), series(2)]
    assert [item.series_uid for item in Query().select(found)] == ["1", "2", "3"]
    assert [item.series_uid for item in Query(limit=2).select(found[::-1])] == ["1", "2"]


def test_absent_patients_are_those_asked_for_without_a_series():
    assert absent_patients(Query(frozenset({"a", "x", "b"})), [series(1)]) == ["b", "x"]
    assert absent_patients(Query(), [series(1)]) == []
