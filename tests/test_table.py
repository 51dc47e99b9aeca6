"""An uploaded table is data and nothing else; what cannot be used says in one sentence what to do."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntkviz.data import MAX_BYTES, MAX_COLUMNS, MAX_ROWS, Table, UploadedTable, load, parse_csv, preview
from ntkviz.errors import InvalidInput
from ntkviz.specs import flat

GOOD = "height,weight,sex,grade\n" + "\n".join(
    f"{150 + 3 * i % 40},{50.5 + 7 * i % 31},{'fm'[i % 2]},{i % 3}" for i in range(40)
)


def table(content: str | bytes) -> Table:
    return parse_csv(content.encode() if isinstance(content, str) else content, name="class.csv")


def columns(**values: object) -> Table:
    """A table of columns of equal length."""
    lines = [",".join(values), *(",".join(map(str, row)) for row in zip(*values.values(), strict=True))]
    return table("\n".join(lines))


def test_a_good_table_is_read() -> None:
    read = table(GOOD)
    assert read.header == ("height", "weight", "sex", "grade")
    assert (read.rows, read.columns, read.warnings) == (40, 4, ())
    assert [column.numeric for column in read.data] == [True, True, False, True]
    assert read.targets == read.header
    assert list(preview(read, 3).columns) == list(read.header)
    assert preview(read, 3)["height"].tolist() == [150, 153, 156]


@pytest.mark.parametrize(
    "content",
    [
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\r"),
        "\ufeff" + GOOD,
        GOOD.replace(",", ";"),
        GOOD.replace(",", "\t"),
        GOOD.replace(".", "@").replace(",", ";").replace("@", ","),  # a comma for the decimal point
        "\n\n" + GOOD + "\n\n,,,\n",
        GOOD.replace("height", '"height"'),
    ],
)
def test_separators_line_ends_and_decimal_commas_make_no_difference(content: str) -> None:
    for one, other in zip(table(GOOD).data, table(content).data, strict=True):
        assert one.name == other.name
        assert np.array_equal(one.cells, other.cells)


def test_a_table_is_known_by_its_digest_alone() -> None:
    one, renamed, other = table(GOOD), parse_csv(GOOD.encode(), name="x"), table(GOOD + "\n1,2,f,0")
    assert one == renamed
    assert hash(one) == hash(renamed)
    assert one != other
    assert repr(one) == f"Table(name='class.csv', digest='{one.digest}', rows=40, columns=4)"
    assert "height" not in repr(UploadedTable(table=one))
    assert UploadedTable(table=one) == UploadedTable(table=renamed)
    assert hash(UploadedTable(table=one)) == hash(UploadedTable(table=renamed))
    assert pickle.loads(pickle.dumps(one)) == one
    assert "table.data" not in flat(UploadedTable(table=one))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b" \n \n", "is empty"),
        (b",,,\n,,,\n", "two columns"),
        (b"a,b\n" + b"1,2\n" * (MAX_BYTES // 4), "larger than 2 MB"),
        ("a,b\n" + "1,2\n" * (MAX_ROWS + 1), "more than 4000 rows"),
        (",".join(f"c{i}" for i in range(MAX_COLUMNS + 1)), "201 columns"),
        (b"PK\x03\x04\x14\x00\x06\x00", "control characters"),
        (b"\x89PNG\r\n\x1a\n\xff\xd8", "not text in UTF-8"),
        ("größe,b\n1,2\n".encode("latin-1"), "not text in UTF-8"),
        (GOOD.encode("utf-16"), "not text in UTF-8"),
        ("a,b,a\n1,2,3\n1,2,3\n1,2,3\n1,2,3", "called 'a'"),
        ("a,b\nx,y\nx,z\nw,y\nx,y", "No column contains only numbers"),
        ("a,b\n1,2\n1,2\n1,2", "at least 4"),
        ("a\n1\n2\n3\n4", "at least two columns"),
        ("a,b\n1,2\n1,2,3\n1,2\n1,2", "Line 3 has 3 cells"),
        ('a,b\n1,2\n1,"2\n1,2\n1,2', "quotation marks"),
        ("a,b\n1,2\n1,3\n1,inf\n1,2", "'inf' in line 4"),
        ("a,b\n1,2\n1,3\n1,1e400\n1,2", "finite"),
        ("a,b\n1,2\n1,3\n1,-2e12\n1,2", "at most 1e\\+12"),
        ("a," + "b" * 101 + "\n1,2", "shorten"),
    ],
)
def test_a_file_that_cannot_be_used_says_why_in_one_sentence(content: str | bytes, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence) as caught:
        table(content)
    message = str(caught.value)
    assert message.endswith(".")
    assert len(message) < 200


def test_the_bounds_themselves_are_allowed() -> None:
    assert table("a,b\n" + "1,2\n" * MAX_ROWS).rows == MAX_ROWS
    wide = ",".join(f"c{i}" for i in range(MAX_COLUMNS)) + ("\n" + ",".join("1" * MAX_COLUMNS)) * 4
    assert table(wide).columns == MAX_COLUMNS


def test_words_are_never_evaluated() -> None:
    read = columns(a=["1_000", "2", "3", "4"], b=["=1+1", "__import__('os')", "1", "2"], c=[1, 2, 3, 4])
    assert [column.numeric for column in read.data] == [False, False, True]


def test_a_header_of_numbers_is_pointed_out() -> None:
    assert "first line" in table("1,2\n" * 1 + "3,4\n5,6\n7,8\n9,10").warnings[0]
    assert table(",a\n1,2\n3,4\n5,6\n7,8").header == ("column 1", "a")


def test_the_target_decides_the_task() -> None:
    n = 40
    read = columns(
        x=np.arange(n),
        two=[3 + i % 2 for i in range(n)],
        word=["cba"[i % 3] for i in range(n)],
        level=[i % 4 for i in range(n)],
        value=[i % 4 + 0.5 for i in range(n)],
        count=list(range(n)),
    )
    expected = {"two": ("binary", 1), "word": ("classes", 3), "level": ("classes", 4)}
    expected |= {"value": ("regression", 1), "count": ("regression", 1)}
    for name, (task, outputs) in expected.items():
        data = load(UploadedTable(table=read, target=name))
        assert (data.task, data.y.shape[1]) == (task, outputs)
        assert (len(data.x), len(data.x_test)) == (30, 10)
    assert load(UploadedTable(table=read, target="two")).classes == ("3", "4")
    assert load(UploadedTable(table=read, target="word")).classes == ("a", "b", "c")
    assert load(UploadedTable(table=read, target="level", reading="numbers")).task == "regression"
    assert load(UploadedTable(table=read, target="value", reading="classes")).task == "classes"
    assert load(UploadedTable(table=read)).task == "regression"  # the last column


def test_rows_keep_their_target_through_the_split() -> None:
    n = 101
    read = columns(x=range(n), z=[-i for i in range(n)], y=[2 * i + 1 for i in range(n)])
    data = load(UploadedTable(table=read, target="y", scale="none", n=50))
    assert data.features == ("x", "z")
    assert np.array_equal(data.x[:, 0], -data.x[:, 1])
    slope, offset = np.polyfit(data.x[:, 0], data.y[:, 0], 1)
    assert np.allclose(slope * data.x[:, 0] + offset, data.y[:, 0])
    assert np.allclose(slope * data.x_test[:, 0] + offset, data.y_test[:, 0])
    assert data.y.mean() == pytest.approx(0, abs=1e-14)
    assert data.y.std() == pytest.approx(1)
    assert not set(data.x[:, 0]) & set(data.x_test[:, 0])
    assert len(data.x) == 50
    other = load(UploadedTable(table=read, target="y", scale="none", n=50, seed=1))
    assert not np.array_equal(data.x, other.x)


def test_unusable_rows_and_columns_are_left_out_with_a_warning() -> None:
    n = 20
    read = columns(
        x=["NA" if i == 3 else i for i in range(n)],
        constant=[7] * n,
        word=[f"w{i}" for i in range(n)],
        empty=[""] * n,
        y=["" if i == 4 else i * 1.5 for i in range(n)],
    )
    data = load(UploadedTable(table=read, target="y"))
    assert data.features == ("x",)
    assert len(data.x) + len(data.x_test) == 18
    told = " ".join(data.warnings)
    for part in ("do not hold numbers: word, empty", "2 of 20 rows", "training rows: constant", "fewer than the 200"):
        assert part in told


@pytest.mark.parametrize(
    ("values", "target", "sentence"),
    [
        ({"x": range(4), "y": range(4)}, "z", "no column 'z'"),
        ({"x": range(4), "y": [5] * 4}, "y", "only one value"),
        ({"x": ["a", "b", "c", "d"], "y": range(4)}, "y", "No column except the target"),
        ({"x": [1, 1, 1, 1], "y": range(4)}, "y", "Every column of numbers is constant"),
        ({"x": [1, "", 2, 3], "y": range(4)}, "y", "Only 3 rows"),
        ({"x": range(21), "y": [f"w{i}" for i in range(21)]}, "y", "21 classes"),
        ({"x": [1] * 4, "y": [2] * 4}, "", "Every column is constant or free text"),
    ],
)
def test_a_choice_that_cannot_work_says_why(values: dict[str, object], target: str, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        load(UploadedTable(table=columns(**values), target=target))


def test_a_test_point_out_of_all_proportion_is_refused() -> None:
    spec = UploadedTable(table=columns(x=range(8), y=[i * 1.5 for i in range(8)]), target="y", scale="none")
    held = load(spec).x_test[0, 0]
    wild = columns(x=[1e12 if i == held else i * 1e-9 for i in range(8)], y=[i * 1.5 for i in range(8)])
    with pytest.raises(InvalidInput, match="choose another scaling"):
        load(UploadedTable(table=wild, target="y"))
    assert load(UploadedTable(table=wild, target="y", scale="none")).x_test.max() == 1e12


def test_words_cannot_be_numbers_to_predict() -> None:
    with pytest.raises(InvalidInput, match="read it as classes"):
        load(UploadedTable(table=table(GOOD), target="sex", reading="numbers"))


def usable(content: bytes) -> None:
    """Parse and load for every column: either finite arrays or `InvalidInput`, nothing else."""
    try:
        read = parse_csv(content, name="random")
    except InvalidInput:
        return
    preview(read)
    for target in ("", *read.header[:3]):
        for scale in ("standardise", "unit"):
            try:
                data = load(UploadedTable(table=read, target=target, scale=scale))
            except InvalidInput:
                continue
            assert np.isfinite(data.x).all()
            assert np.isfinite(data.y_test).all()


@settings(max_examples=200, deadline=None)  # the time of one example is no claim of this test
@given(st.binary(max_size=400))
def test_random_bytes_raise_nothing_but_invalid_input(content: bytes) -> None:
    usable(content)


ODD = st.one_of(
    st.floats().map(repr),
    st.sampled_from(["", "NA", '"', '"x,y"', "1e-300", "5e-324", "1e12", "-0.0", "1,5", "\u0663"]),
    st.text(max_size=3),
)
WHOLE = st.integers(-3, 3).map(str)
COLUMNS = [WHOLE, st.floats(-1e3, 1e3).map(repr), st.sampled_from(["a", "b", "c"]), st.just("7"), WHOLE | st.just("")]


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    """Rows of two to four columns of a kind each; now and then one cell is odd."""
    kinds = draw(st.lists(st.sampled_from(COLUMNS), min_size=2, max_size=4))
    rows = [[draw(kind) for kind in kinds] for _ in range(draw(st.integers(3, 12)))]
    if draw(st.booleans()):
        rows[draw(st.integers(0, len(rows) - 1))][draw(st.integers(0, len(kinds) - 1))] = draw(ODD)
    return rows


@settings(max_examples=200, deadline=None)
@given(tables(), st.sampled_from([",", ";", "\t"]))
def test_random_tables_raise_nothing_but_invalid_input(body: list[list[str]], separator: str) -> None:
    lines = [separator.join(f"c{i}" for i in range(len(body[0]))), *(separator.join(row) for row in body)]
    usable("\n".join(lines).encode("utf-8", errors="replace"))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(*[st.floats(-1e12, 1e12) | st.sampled_from([0.0, 5e-324, 1e-200, 1e12])] * 3), min_size=4, max_size=12
    )
)
def test_every_table_of_numbers_in_bounds_is_finite_or_refused(body: list[tuple[float, float, float]]) -> None:
    usable("\n".join(["a,b,c", *(",".join(map(repr, row)) for row in body)]).encode())
