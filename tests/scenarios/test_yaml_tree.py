"""YAML that may come from anybody."""

import pytest

from scenarios.yaml_tree import MAX_BYTES, YamlProblem, plain, read_tree


def test_values_keep_their_kinds() -> None:
    text = "a: 1\nb: 0.5\nc: [true, 'true', ~, yes]\nd: {e: 1e3, f: '1'}\n"
    assert plain(read_tree(text.encode())) == {
        "a": 1,
        "b": 0.5,
        "c": (True, "true", None, "yes"),
        "d": {"e": 1000.0, "f": "1"},
    }


def test_an_anchor_can_be_used_again() -> None:
    assert plain(read_tree(b"a: &cart {b: 1}\nc: *cart\n")) == {"a": {"b": 1}, "c": {"b": 1}}


def test_a_byte_order_mark_is_no_content() -> None:
    assert plain(read_tree(b"\xef\xbb\xbfa: 1")) == {"a": 1}


_BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("content", "place", "problem"),
    [
        (b"", (1, 1), "an empty file"),
        (b"# only a comment\n", (1, 1), "an empty file"),
        (b"a:\n\t- b\n", (2, 1), "a tab"),
        (b"a: [", (1, 5), "the end of the file inside"),
        (b"a: 'x", (1, 6), "the end of the file inside"),
        (b"a: b: c", (1, 5), "a colon in an unquoted value"),
        (b"- 1\nb: 2\n", (2, 1), "wrong indentation"),
        (b"a: 1\nb: 2\na: 3\n", (3, 1), 'the key "a" again'),
        (b"a: 1\n---\nb: 2\n", (2, 1), "a second document"),
        (b"? [a]\n: b\n", (1, 3), "a key that is no plain name"),
        (b"a: !!python/object/apply:os.system [x]\n", (1, 4), "the tag"),
        (b"a: *b\n", (1, 4), r"the alias \*b"),
        (b"a: &a [*a]\n", (1, 8), r"the alias \*a"),
        (b"a: 1\nb: \xff\xfe\n", (2, 4), "bytes that are not UTF-8"),
        (b"a: 1\nb: \x00\n", (2, 4), "a control character"),
        (b'a: "\\UFFFFFFFF"\n', (1, 1), "not valid YAML"),
        (b"[" * 500, (1, 21), "nesting too deep"),
        (_BOMB.encode(), (5, 8), "too many values"),
        (b"a" * (MAX_BYTES + 1), (1, 1), "a file of 262145 bytes"),
    ],
)
def test_what_is_refused_says_where(content: bytes, place: tuple[int, int], problem: str) -> None:
    with pytest.raises(YamlProblem, match=problem) as caught:
        read_tree(content)
    assert (caught.value.line, caught.value.column) == place
