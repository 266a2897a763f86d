"""What becomes of a file that is not as it should be; `docs/reference/deliveries.md` in tests."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import time
import tracemalloc
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from regulatory_assets.bank import staging
from regulatory_assets.bank.control_totals import control_totals, not_compared
from regulatory_assets.bank.delivery import DeliveryError, delivery_days, find_files
from regulatory_assets.bank.files import FileForm
from regulatory_assets.bank.formats import content as file_content
from regulatory_assets.bank.formats import text as text_format
from regulatory_assets.bank.ingest import ingest, ingest_table, take
from regulatory_assets.bank.mapping import load
from regulatory_assets.bank.staging import stage
from regulatory_assets.bank.tables import SOURCES
from regulatory_assets.ledger.compact import orphans
from regulatory_assets.quality.deliveries import delivery_checks
from regulatory_assets.quality.examination import Examination, Result
from regulatory_assets_tests.bank.desk import Desk

HEAD = "currency,rate\n"
RATES = HEAD + "EUR,1\nUSD,0.9\n"
BOOK = """
source: desk
table: fx_rates
files: "{}"
delivery: {}
key: [CODE]
columns: {{currency: CODE, rate: V}}
"""


def rates(desk: Desk) -> dict[str, Decimal]:
    return {r["currency"]: r["rate"] for r in desk.rows("fx_rates")}


def taken(desk: Desk, content: str | bytes, name: str = "fx_rates.csv") -> tuple[int, int]:
    """Deliver exchange rates and take them: accepted and rejected lines."""
    desk.deliver(name, content)
    (done,) = desk.take("fx_rates")
    delivery = done.delivery
    assert delivery.delivered == delivery.accepted + delivery.rejected
    return delivery.accepted, delivery.rejected


def refused(desk: Desk, content: str | bytes, problem: str, name: str = "fx_rates.csv") -> str:
    """Deliver what cannot be taken: the words of the refusal; nothing is posted or kept."""
    before = rates(desk)
    raw = desk.runner.lake.root / "raw" / "fx_rates"
    kept = sorted(raw.glob("*")) if raw.exists() else []
    history = desk.runner.register.history("fx_rates", desk.day)
    path = desk.deliver(name, content)
    with pytest.raises(DeliveryError, match=problem) as caught:
        desk.take("fx_rates")
    assert name in str(caught.value)
    assert rates(desk) == before
    assert desk.runner.register.history("fx_rates", desk.day) == history
    assert sorted(raw.glob("*")) == kept or not raw.exists()
    path.unlink()
    return str(caught.value)


# -- files that cannot be read ----------------------------------------------------------------


def test_a_missing_file_changes_nothing(desk: Desk) -> None:
    assert desk.take("fx_rates") == ()
    assert ingest_table(desk.runner, desk.deliveries, desk.table("fx_rates"), desk.day) == ()


@pytest.mark.parametrize("content", ["", "\n", "\r\n\r\n", "  \n", "\ufeff"])
def test_an_empty_file_is_refused(desk: Desk, content: str) -> None:
    refused(desk, content, "the file is empty|has no line end")


def test_a_header_alone_is_a_table_without_rows(desk: Desk) -> None:
    assert taken(desk, RATES) == (2, 0)
    assert taken(desk, HEAD) == (0, 0)
    assert rates(desk) == {}


@pytest.mark.parametrize("cut", [1, 2, len("USD,0.9\n") - 1, len(RATES) - 5])
def test_a_file_cut_off_within_a_line_is_refused(desk: Desk, cut: int) -> None:
    taken(desk, RATES)
    refused(desk, RATES[:-cut] if cut < 8 else RATES[:5], "may have been cut off")


def test_a_folder_that_cannot_be_listed_is_refused(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(self: Path) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "iterdir", denied)
    for look in (
        lambda: find_files(desk.deliveries, desk.day, SOURCES, ()),
        lambda: delivery_days(desk.deliveries),
    ):
        with pytest.raises(DeliveryError, match=r"cannot be listed \(Permission denied\); let"):
            look()


def test_a_day_written_in_another_way_is_refused(desk: Desk) -> None:
    """Nobody would look for the files in it."""
    written = desk.here.with_name(f"{desk.day:%Y%m%d}")
    desk.here.rename(written)
    with pytest.raises(DeliveryError, match=rf"{written.name}: .* is named {desk.day}; rename it"):
        delivery_days(desk.deliveries)
    written.rename(desk.here)
    assert desk.day in delivery_days(desk.deliveries)


def test_a_folder_in_place_of_a_file_is_refused(desk: Desk) -> None:
    (desk.here / "fx_rates.csv").mkdir()
    with pytest.raises(DeliveryError, match=r"fx_rates\.csv: cannot be read"):
        desk.take("fx_rates")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (RATES.encode() + "Zürich,1\n".encode("latin-1"), 4),
        (b"w\xe4hrung,rate\nEUR,1\n", 1),
        (RATES.encode("utf-16"), 1),
        (HEAD.encode() + b"EUR,1\n" * 3_000_000 + b"\xff,1\n", 3_000_002),
    ],
)
def test_another_encoding_is_refused_with_the_line(desk: Desk, content: bytes, line: int) -> None:
    assert f", line {line}: not utf-8 text" in refused(desk, content, "not utf-8 text")


def test_a_pipe_in_place_of_a_file_is_refused_and_not_waited_for(desk: Desk) -> None:
    os.mkfifo(desk.here / "fx_rates.csv")
    with pytest.raises(DeliveryError, match=r"fx_rates\.csv: is no file"):
        desk.take("fx_rates")


def test_a_name_that_fits_no_source_is_refused(desk: Desk) -> None:
    desk.deliver("fx_rates.delta-one.csv", RATES)
    with pytest.raises(DeliveryError, match="no source has this name"):
        desk.take("fx_rates")


def test_files_being_written_and_hidden_files_are_left_alone(desk: Desk) -> None:
    desk.deliver("fx_rates.csv.part", "half")
    desk.deliver(".fx_rates.csv.swp", "editor")
    assert desk.take("fx_rates") == ()


# -- compressed files --------------------------------------------------------------------------

compressed = partial(gzip.compress, mtime=0)
"""Without the time, which would give each process other names for the same tests."""

PACKED = compressed(RATES.encode())
BUSY = compressed((HEAD + "".join(f"K{n * n % 997},{n}\n" for n in range(2000))).encode())


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (HEAD.encode(), "ends in .gz, and it is not compressed with gzip; deliver"),
        (b"\x1f", "is not compressed with gzip"),
        (b"\x1f\x8b\x09" + PACKED[3:], "damaged .*compression method"),
        *((PACKED[:cut], "ends too early, so it may have been cut off") for cut in (2, 12, -9, -1)),
        (BUSY[: len(BUSY) // 2], "ends too early"),
        (BUSY[:2000] + b"\x00\xff\xff" + BUSY[2003:], "damaged .*; deliver it again"),
        (PACKED[:-8] + b"12345678", "damaged .*CRC"),
        (PACKED[:-4] + b"1234", "damaged .*length"),
        (PACKED + b"x", "follows what is compressed"),
        (PACKED + RATES.encode(), "follows what is compressed; deliver the file alone"),
        (PACKED + PACKED[:-1], "ends too early"),
        (compressed(PACKED), "what it holds is compressed with gzip once more; compress the"),
        (compressed(b"") + compressed(PACKED), "compressed with gzip once more"),
        (compressed(PACKED)[:12], "ends too early"),
        (compressed(RATES.encode()[:-1]), "line 3: the last line has no line end"),
        (compressed(b""), "the file is empty"),
        (b"", "the file is empty"),
    ],
)
def test_a_compressed_file_that_is_none_or_not_whole_is_refused(
    desk: Desk, content: bytes, problem: str
) -> None:
    taken(desk, RATES)
    (desk.here / "fx_rates.csv").unlink()
    refused(desk, content, problem, "fx_rates.csv.gz")


def test_a_compressed_file_says_so_in_its_name(desk: Desk) -> None:
    """In an encoding in which every byte is a sign it would be read as text else."""
    refused(desk, PACKED, r"fx_rates\.csv: it is compressed with gzip; end its name in \.gz")
    latin = BOOK.format("book.csv", "full") + "encoding: latin-1\n"
    desk.deliver("book.csv", PACKED)
    with pytest.raises(DeliveryError, match=r"book\.csv: it is compressed with gzip; end its name"):
        desk.take("fx_rates", [load(Path("b.yaml"), latin, SOURCES)])


def test_members_one_after_the_other_are_one_text_and_zeros_behind_them_are_padding(
    desk: Desk,
) -> None:
    more = gzip.compress(b"JPY,0.006\nx\n")
    assert taken(desk, PACKED + more + bytes(512), "fx_rates.csv.gz") == (3, 1)
    assert desk.rejected() == {5: ("1 fields, the header has 2", "x")}


@pytest.mark.parametrize(
    ("kind", "line"), [("json_lines", '{"CODE": "Ü", "V": 1}\n'), ("csv", "CODE,V\nÜ,1\n")]
)
def test_a_mapping_takes_its_text_files_compressed_too(desk: Desk, kind: str, line: str) -> None:
    """Whether or not its pattern says so."""
    for ending in ("", ".gz"):
        desk.next_day()
        pattern = "rates_{yyyyMMdd}.txt" + ending
        text = BOOK.format(pattern, "full") + f"format: {kind}\nencoding: latin-1\n"
        path = desk.deliver(
            f"rates_{desk.day:%Y%m%d}.txt.gz", gzip.compress(line.encode("latin-1"))
        )
        (done,) = desk.take("fx_rates", [load(Path("m.yaml"), text, SOURCES)])
        assert (done.delivery.file_name, rates(desk)) == (path.name, {"Ü": 1})


@pytest.mark.parametrize("kind", ["parquet", "excel"])
def test_what_is_no_text_is_not_delivered_compressed(desk: Desk, kind: str) -> None:
    mapping = load(Path("m.yaml"), BOOK.format("book.*", "full") + f"format: {kind}\n", SOURCES)
    desk.deliver("book.1.gz", PACKED)
    with pytest.raises(DeliveryError, match=rf"book\.1\.gz: only text .*, and {kind} is none"):
        desk.take("fx_rates", [mapping])


def test_what_is_read_of_a_compressed_file_at_once_is_bounded(tmp_path: Path) -> None:
    """However small it is before: 256 MB of one line are 250 kB."""
    path, size, mebibyte = tmp_path / "large.csv.gz", 0, 2**20
    with gzip.open(path, "wb", compresslevel=1) as stream:
        for _ in range(256):
            stream.write(b"EUR,1234\n" * (mebibyte // 9))
    seen = hashlib.sha256()
    tracemalloc.start()
    for block in file_content.blocks(path, mebibyte, seen.update):
        assert len(block) <= mebibyte
        size += len(block)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size == 256 * 9 * (mebibyte // 9)
    assert peak < 8 * mebibyte
    assert seen.hexdigest() == hashlib.sha256(path.read_bytes()).hexdigest()


# -- columns -----------------------------------------------------------------------------------


def test_an_unknown_column_is_kept_and_reported(desk: Desk) -> None:
    desk.deliver("fx_rates.csv", "currency,desk,rate,\nEUR,Paris,1,x\n")
    (done,) = desk.take("fx_rates")
    assert done.warnings == (
        "fx_rates.csv: columns that nothing uses: desk, (column 4). "
        "They are kept with the raw lines",
    )
    assert rates(desk) == {"EUR": Decimal(1)}


def test_a_missing_column_is_refused(desk: Desk) -> None:
    refused(desk, "currency,Rate\nEUR,1\n", "missing rate; delivered are currency, Rate")


def test_a_column_twice_is_refused(desk: Desk) -> None:
    refused(desk, "currency,rate,rate\nEUR,1,2\n", "the column rate stands twice")


def test_half_a_character_is_no_text_in_any_encoding(desk: Desk) -> None:
    utf_7 = BOOK.format("book.csv", "full") + "encoding: utf-7\n"
    desk.deliver("book.csv", b"CODE,V\nE+2AA-R,1\n")
    with pytest.raises(DeliveryError, match=r"line 2: not utf-7 text .*surrogates not"):
        desk.take("fx_rates", [load(Path("b.yaml"), utf_7, SOURCES)])


@pytest.mark.parametrize("columns", [5_001, 300_000])
def test_a_header_that_is_none_is_refused(
    desk: Desk, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("regulatory_assets.bank.formats.delimited.csv.reader")  # names cost memory
    refused(desk, "," * (columns - 1) + "\n", f"line 1: {columns} columns stand in the header")


def test_the_order_of_columns_does_not_matter(desk: Desk) -> None:
    taken(desk, RATES)
    desk.deliver("fx_rates.csv", "\ufeffrate,currency\r\n0.9,USD\r\n1,EUR\r\n")
    (done,) = desk.take("fx_rates")
    assert done.outcome.rows == 0
    assert rates(desk) == {"EUR": Decimal(1), "USD": Decimal("0.9")}


# -- lines -------------------------------------------------------------------------------------


def test_a_bad_line_costs_itself_only_and_keeps_number_and_text(desk: Desk) -> None:
    lines = ["\ufeffEUR,1", "EUR,1", "", 'USD,"0.9', "GBP,1.1,x", "CHF", '"JP""Y",0.006']
    lines += ["S\rEK,0.1", "NOK,0.1"]
    unseen = ["\u3000", " DKK", "DKK\u00a0", "DK\x00K", "D\u200bKK", "DKK\t", "D\u2028KK"]
    lines += [f"{key},1" for key in (*unseen, "D K")]
    assert taken(desk, HEAD + "\n".join(lines) + "\n") == (4, 13)
    assert sorted(rates(desk)) == ["D K", "EUR", 'JP"Y', "NOK"]
    said = "currency: a blank at an end, or a character that nobody sees"
    unpaired = "quotation marks or line ends inside fields"
    assert desk.rejected() == {
        2: ("a byte order mark inside the file; were two files joined?", "\ufeffEUR,1"),
        4: ("an empty line", ""),
        5: (unpaired, 'USD,"0.9'),
        6: ("3 fields, the header has 2", "GBP,1.1,x"),
        7: ("1 fields, the header has 2", "CHF"),
        9: (unpaired, "S\rEK,0.1"),
    } | {line: (said, f"{key},1") for line, key in enumerate(unseen, start=11)}


def test_a_field_over_two_lines_is_two_rejected_lines(desk: Desk) -> None:
    """Neither half is a row: the second would be one of its own, ``R"`` at 1."""
    assert taken(desk, HEAD + '"EU\nR",1\nUSD,1\n') == (1, 2)
    assert desk.rejected()[3] == ("quotation marks or line ends inside fields", 'R",1')


def test_a_byte_order_mark_inside_a_file_is_no_part_of_a_value_and_not_dropped(desk: Desk) -> None:
    assert taken(desk, HEAD + "\ufeffEUR,1\nUSD,0.9\n") == (1, 1)
    assert sorted(rates(desk)) == ["USD"]


def test_a_key_twice_in_a_file_rejects_both_lines(desk: Desk) -> None:
    written = desk.runner.lake, desk.runner.register, desk.table("fx_rates")
    before = orphans(*written, timedelta(seconds=-5))  # other tests may have left some
    assert taken(desk, RATES + "EUR,2\n") == (1, 2)
    assert rates(desk) == {"USD": Decimal("0.9")}
    assert sorted(desk.rejected()) == [2, 4]
    left = orphans(*written, timedelta(seconds=-5))
    assert set(left) == set(before), "what was written first is not removed"


@pytest.mark.parametrize("content", [RATES, RATES + "GBP,x\n"])
def test_a_line_that_is_kept_and_not_read_is_missed(desk: Desk, content: str) -> None:
    path = desk.deliver("fx_rates.csv", content)
    (file,) = find_files(desk.deliveries, desk.day, desk.runtime.graph.sources)
    kept = stage(file, desk.folder / "raw")
    kept.__dict__["lines"] = kept.lines + 1
    with pytest.raises(DeliveryError, match=f"{path.name}: .* kept, but .* the lake is damaged"):
        take(desk.runner, kept)
    assert desk.rows("fx_rates") == []


def test_a_file_without_a_valid_line_never_empties_the_table(desk: Desk) -> None:
    taken(desk, RATES)
    said = refused(desk, "rate,currency\n,EUR\nx,USD\n", "none of its 2 lines is valid")
    assert "line 2: rate: missing; line 3: rate: not a decimal" in said


def test_a_line_of_10_mb_is_rejected_whole(desk: Desk) -> None:
    long = "X" * 10_000_000 + ",1"
    assert taken(desk, HEAD + f"EUR,1\n{long}\nUSD,0.9\n") == (2, 1)
    assert desk.rejected() == {3: ("currency: longer than 10000 characters", long)}


def test_a_line_without_end_is_no_line(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_format, "LINE_LIMIT", 2**20)
    monkeypatch.setattr(text_format, "BLOCK_BYTES", 2**16)
    said = refused(desk, RATES + "X" * 3_000_000, "longer than 1 MB")
    assert "line 4" in said


def test_no_block_has_more_lines_than_a_reader_has_words_for(tmp_path: Path) -> None:
    """Of 16 MB of line ends it kept 2 GB of words."""
    path, lines = tmp_path / "empty.csv", 2 * text_format.BLOCK_LINES + 7
    path.write_bytes(b"currency,rate\n" + b"\n" * lines + b"x" * lines + b"\n\n")
    expected = 1
    for block in text_format.Lines(path, FileForm()).blocks():
        assert block.first == expected
        assert block.lines == block.text.count(b"\n")
        assert 0 < block.lines <= text_format.BLOCK_LINES
        expected += block.lines
    assert expected == lines + 4


def test_a_file_with_too_many_lines_that_cannot_be_read_is_refused(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "UNREADABLE_LIMIT", 3)
    assert taken(desk, RATES + "\nx\n\n") == (2, 3)
    said = refused(desk, RATES + "x\n\n\n\n", "more than 3 lines cannot be read, so it is another")
    assert re.search(r"fx_rates\.csv, line [45]: (1 fields|an empty line)", said)


@pytest.mark.parametrize(
    ("block", "name"),
    [(1, "fx_rates.csv"), (7, "fx_rates.csv.gz"), (64, "fx_rates.csv"), (2**20, "fx_rates.csv.gz")],
)
def test_the_size_of_blocks_does_not_matter(
    desk: Desk, block: int, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_format, "BLOCK_BYTES", block)
    monkeypatch.setattr(text_format, "BLOCK_LINES", 4)
    content = HEAD + "".join(f"Ü{n},1\r\n" if n % 7 else "x\r\n" for n in range(50))
    delivered = gzip.compress(content.encode()) if name.endswith(".gz") else content.encode()
    assert taken(desk, delivered, name) == (42, 8)
    (arrived,) = desk.runner.register.deliveries("fx_rates", desk.day)
    assert (arrived.file_name, arrived.sha256) == (name, hashlib.sha256(delivered).hexdigest())
    assert sorted(desk.rejected()) == [n + 2 for n in range(0, 50, 7)]
    assert "Ü49" not in rates(desk)
    assert "Ü48" in rates(desk)


def _big(desk: Desk, lines: int, packed: bool = False) -> None:
    """Counterparties, of which every 100,000th line has a field too many."""
    path = desk.here / f"counterparties.csv{'.gz' if packed else ''}"
    with gzip.open(path, "wt", compresslevel=1) if packed else path.open("w") as stream:
        stream.write("counterparty_id,sector,relationship,partner_entity_id\n")
        for start in range(0, lines, 1000):
            stream.writelines(
                f"C{n:040d},RETAIL,true,{',' if n % 100_000 == 99_999 else ''}\n"
                for n in range(start, start + 1000)
            )
    start = time.monotonic()
    (done,) = ingest_table(desk.runner, desk.deliveries, desk.table("counterparties"), desk.day)
    assert done.outcome.seconds > (time.monotonic() - start) / 2, "from staging to registering"
    wrong = lines // 100_000
    assert (done.delivery.delivered, done.delivery.rejected) == (lines, wrong)
    assert done.outcome.booked == lines - wrong
    assert sorted(desk.rejected()) == [n * 100_000 + 1 for n in range(1, wrong + 1)]


def test_a_file_of_many_blocks_keeps_its_line_numbers(desk: Desk) -> None:
    _big(desk, 400_000)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("packed", [False, True])
def test_a_file_of_one_gigabyte(desk: Desk, packed: bool) -> None:
    _big(desk, 20_000_000, packed)
    assert packed or (desk.here / "counterparties.csv").stat().st_size > 2**30


# -- again, differently, at another time --------------------------------------------------------


def test_the_same_file_twice_changes_nothing(desk: Desk) -> None:
    taken(desk, RATES)
    assert desk.take("fx_rates") == ()
    desk.deliver("fx_rates.csv", RATES)
    assert desk.take("fx_rates") == ()
    assert len(desk.runner.register.history("fx_rates", desk.day)) == 1


def test_a_second_file_for_the_day_posts_the_difference(desk: Desk) -> None:
    taken(desk, RATES)
    desk.deliver("fx_rates.csv", HEAD + "EUR,1\nUSD,0.8\nJPY,0.006\n")
    (done,) = desk.take("fx_rates")
    assert (done.outcome.booked, done.outcome.reversed) == (2, 1)
    desk.deliver("fx_rates.csv", RATES)
    (back,) = desk.take("fx_rates")
    assert (back.outcome.booked, back.outcome.reversed) == (1, 2)
    assert rates(desk) == {"EUR": Decimal(1), "USD": Decimal("0.9")}


def test_a_delta_without_a_full_file_is_refused(desk: Desk) -> None:
    desk.deliver("fx_rates.delta-1.csv", "_operation,currency,rate\nupsert,EUR,1\n")
    with pytest.raises(DeliveryError, match="needs a full delivery of fx_rates"):
        desk.take("fx_rates")


def test_a_delta_for_an_unknown_key_books_it_or_rejects_its_deletion(desk: Desk) -> None:
    taken(desk, RATES)
    delta = "_operation,currency,rate\nupsert,JPY,0.006\ndelete,SEK,\ndelete,USD,\nchange,EUR,2\n"
    assert taken(desk, delta, "fx_rates.delta-1.csv") == (2, 2)
    assert rates(desk) == {"EUR": Decimal(1), "JPY": Decimal("0.006")}
    assert desk.rejected() == {
        3: ("deletes a key (currency) that does not stand", "delete,SEK,"),
        5: ("_operation: not one of upsert, delete", "change,EUR,2"),
    }


def test_deltas_are_applied_once_in_the_order_of_their_numbers(desk: Desk) -> None:
    taken(desk, RATES)
    for number in (10, 9):
        change = f"_operation,currency,rate\nupsert,EUR,{number}\n"
        desk.deliver(f"fx_rates.delta-{number}.csv", change)
    assert [t.delivery.file_name for t in desk.take("fx_rates")] == [
        "fx_rates.delta-9.csv",
        "fx_rates.delta-10.csv",
    ]
    assert rates(desk)["EUR"] == Decimal(10)
    assert desk.take("fx_rates") == ()
    for again in ("9.csv.gz", "09.csv", "09.csv.gz"):
        twice = desk.deliver(f"fx_rates.delta-{again}", gzip.compress(change.encode()))
        with pytest.raises(DeliveryError) as refusal:
            desk.take("fx_rates")
        said = str(refusal.value)
        assert twice.name in said
        assert "fx_rates.delta-9.csv " in f"{said} ".replace(":", " ")
        assert "says the same delta; remove one, or rename it" in said
        twice.unlink()
    (desk.here / "fx_rates.delta-9.csv").unlink()
    desk.deliver("fx_rates.delta-9.csv.gz", gzip.compress(b"_operation,currency,rate\n"))
    desk.deliver("fx_rates.delta-11.csv.gz", gzip.compress(change.replace(",9", ",11").encode()))
    assert [t.delivery.accepted for t in desk.take("fx_rates")] == [0, 1]
    assert rates(desk)["EUR"] == Decimal(11)


def test_changes_that_come_again_after_others_are_applied_again(desk: Desk) -> None:
    taken(desk, RATES)
    for number, rate in enumerate((2, 3, 2), 1):
        name = f"fx_rates.delta-{number}.csv"
        desk.deliver(name, f"_operation,currency,rate\nupsert,EUR,{rate}\n")
        assert len(desk.take("fx_rates")) == 1
        assert desk.take("fx_rates") == ()
        assert rates(desk)["EUR"] == Decimal(rate)
    (desk.here / "fx_rates.delta-1.csv").rename(desk.here / "fx_rates.delta-4.csv")
    assert desk.take("fx_rates") == ()  # another name alone is no other delivery


def test_a_delta_packed_anew_is_the_same_changes(desk: Desk) -> None:
    """Applied once more after a later one it would take back what that has changed."""

    def changes(rate: int) -> bytes:
        return f"_operation,currency,rate\nupsert,EUR,{rate}\n".encode()

    taken(desk, RATES)
    desk.deliver("fx_rates.delta-1.csv", changes(1))
    desk.deliver("fx_rates.delta-2.csv.gz", gzip.compress(changes(2)))
    desk.deliver("fx_rates.delta-3.csv", changes(3))
    assert len(desk.take("fx_rates")) == 3
    for name, content in (
        ("1.csv.gz", gzip.compress(changes(1))),
        ("1.csv.gz", gzip.compress(changes(1), compresslevel=1, mtime=1)),
        ("2.csv.gz", gzip.compress(changes(2)[:9], mtime=2) + gzip.compress(changes(2)[9:])),
        ("2.csv", changes(2)),
    ):
        for other in desk.here.glob(f"fx_rates.delta-{name[0]}.*"):
            other.unlink()
        desk.deliver(f"fx_rates.delta-{name}", content)
        assert desk.take("fx_rates") == (), name
    assert rates(desk)["EUR"] == Decimal(3)
    (desk.here / "fx_rates.delta-1.csv.gz").write_bytes(gzip.compress(changes(1))[:-3])
    with pytest.raises(DeliveryError, match=r"delta-1\.csv\.gz: .*ends too early"):
        desk.take("fx_rates")
    (desk.here / "fx_rates.delta-1.csv.gz").write_bytes(gzip.compress(changes(4)))
    assert len(desk.take("fx_rates")) == 1
    assert rates(desk)["EUR"] == Decimal(4)


def test_numbers_order_deltas_wherever_they_stand_in_the_name(desk: Desk) -> None:
    """Also behind the last point, where a name's ending is."""
    book = load(Path("b.yaml"), BOOK.format("book.csv", "full"), SOURCES)
    told = BOOK.format("changes.#", "delta") + "operation: OP\n"
    changes = load(Path("c.yaml"), told, SOURCES)
    desk.deliver("book.csv", "CODE,V\nEUR,1\n")
    for number in (9, 10):
        desk.deliver(f"changes.{number}", f"OP,CODE,V\nupsert,EUR,{number}\n")
    desk.take("fx_rates", [book, changes])
    assert rates(desk) == {"EUR": Decimal(10)}


def test_two_full_files_of_one_source_are_refused(desk: Desk) -> None:
    """One would replace the other, and nobody would miss its rows."""
    book = load(Path("b.yaml"), BOOK.format("book_*.csv", "full"), SOURCES)
    desk.deliver("book_a.csv", "CODE,V\nEUR,1\n")
    desk.take("fx_rates", [book])
    second = desk.deliver("book_b.csv", "CODE,V\nUSD,1\n")
    with pytest.raises(DeliveryError, match=r"book_b\.csv: desk delivers all .* book_a\.csv is"):
        desk.take("fx_rates", [book])
    assert sorted(rates(desk)) == ["EUR"]
    second.unlink()
    second = desk.deliver("book_a.csv.gz", gzip.compress(b"CODE,V\nEUR,1\n"))
    with pytest.raises(
        DeliveryError, match=r"book_a\.csv\.gz: desk delivers all .* book_a\.csv is"
    ):
        desk.take("fx_rates", [book])
    second.unlink()
    own = load(Path("b.yaml"), BOOK.replace("desk", "fx_rates").format("b.csv", "full"), SOURCES)
    desk.deliver("b.csv", "CODE,V\nEUR,1\n")
    desk.deliver("fx_rates.csv", RATES)
    (desk.here / "book_a.csv").unlink()
    with pytest.raises(DeliveryError, match="fx_rates delivers all its fx_rates in one file"):
        desk.take("fx_rates", [own])


def test_a_name_that_is_no_text_is_refused(desk: Desk) -> None:
    book = load(Path("b.yaml"), BOOK.format("book_*.csv", "full"), SOURCES)
    Path(os.fsdecode(os.fsencode(desk.here) + b"/book_\xff.csv")).write_text("CODE,V\nEUR,1\n")
    with pytest.raises(DeliveryError, match=r"the name 'book_\\udcff\.csv' is not UTF-8"):
        desk.take("fx_rates", [book])


def test_a_file_that_arrives_during_a_run_waits_for_the_next(desk: Desk) -> None:
    desk.deliver("fx_rates.csv", RATES)
    found = find_files(desk.deliveries, desk.day, SOURCES, ())
    desk.deliver("fx_rates.delta-1.csv", "_operation,currency,rate\ndelete,USD,\n")
    (only,) = found
    ingest(desk.runner, only)
    assert sorted(rates(desk)) == ["EUR", "USD"]
    (later,) = desk.take("fx_rates")
    assert later.delivery.file_name == "fx_rates.delta-1.csv"
    assert sorted(rates(desk)) == ["EUR"]


def test_a_file_that_changes_while_it_is_read_is_refused(desk: Desk) -> None:
    path = desk.deliver("fx_rates.csv", RATES)
    (file,) = find_files(desk.deliveries, desk.day, SOURCES, ())
    assert file.sha256
    path.write_text(RATES + "JPY,0.006\n")
    with pytest.raises(DeliveryError, match="the file changed while it was read"):
        ingest(desk.runner, file)
    assert taken(desk, path.read_text()) == (3, 0)


# -- days --------------------------------------------------------------------------------------


def test_a_row_of_another_day_is_rejected(desk: Desk) -> None:
    other = desk.day.replace(year=2019)
    lines = f"currency,rate,reporting_date\nEUR,1,{desk.day}\nUSD,1,{other}\nJPY,1,\n"
    assert taken(desk, lines) == (1, 2)
    reason = f"reporting date: not {desk.day}, the day of the delivery"
    assert {r for r, _ in desk.rejected().values()} == {reason}


RATES_BY_NAME = """
source: central_bank
table: fx_rates
files: "rates_{dd.MM.yyyy}.csv"
delivery: full
key: [CODE]
columns: {currency: CODE, rate: VALUE}
"""


def test_a_name_with_another_day_is_refused(desk: Desk) -> None:
    mapping = load(Path("m.yaml"), RATES_BY_NAME, SOURCES)
    path = desk.deliver("rates_05.01.2019.csv", "CODE,VALUE\nEUR,1\n")
    with pytest.raises(DeliveryError, match=f"says 2019-01-05, but .* files of {desk.day}"):
        desk.take("fx_rates", [mapping])
    path = path.rename(desk.here / "rates_31.02.2019.csv")
    with pytest.raises(DeliveryError, match="is no day"):
        desk.take("fx_rates", [mapping])
    path.rename(desk.here / f"rates_{desk.day:%d.%m.%Y}.csv")
    (done,) = desk.take("fx_rates", [mapping])
    assert done.delivery.accepted == 1


# -- control totals ----------------------------------------------------------------------------


def with_totals(desk: Desk, line: str, content: str = RATES + "JPY,x\n") -> None:
    desk.deliver("control_totals.csv", f"table,rows,sum_column,sum\n{line}\n")
    desk.deliver("fx_rates.csv", content)
    ingest_table(desk.runner, desk.deliveries, desk.table("fx_rates"), desk.day)


@pytest.mark.parametrize(
    "line", ["fx_rates,3,,", "fx_rates,3,rate,1.9", "fx_rates,3,rate,1.90", "deals,7,amount,1"]
)
def test_control_totals_that_agree_pass(desk: Desk, line: str) -> None:
    with_totals(desk, line)
    assert sorted(rates(desk)) == ["EUR", "USD"]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("fx_rates,2,,", r"line 2: 2 rows were sent, 3 arrived in fx_rates\.csv"),
        ("fx_rates,3,rate,1.8", r"rate adds up to 1\.8, but to 1\.90000000 in fx_rates\.csv"),
        ("rates,3,,", "no source table rates"),
        ("fx_rates,many,,", "rows is 'many'"),
        ("fx_rates,3,currency,1", "fx_rates has no number column currency"),
        ("fx_rates,3,rate,much", "sum is 'much'"),
        ("fx_rates,3,rate,Infinity", "sum is 'Infinity'"),
        (f"fx_rates,{'9' * 5000},,", "rows is '999"),
        ("fx_rates,3,rate,1e999999999", "sum is '1e9"),
        ("fx_rates,3", "2 fields, 4 are needed"),
    ],
)
def test_control_totals_that_differ_stop_the_delivery(desk: Desk, line: str, problem: str) -> None:
    with pytest.raises(DeliveryError, match=problem) as caught:
        with_totals(desk, line)
    assert "control_totals.csv" in str(caught.value)
    assert rates(desk) == {}


def test_a_control_total_of_what_did_not_arrive_is_refused(desk: Desk) -> None:
    """Else nobody would miss a table that need not be there. One whose file was taken may go."""
    table = desk.table("fx_rates")
    desk.deliver("control_totals.csv", "table,rows,sum_column,sum,source\nfx_rates,2,,,\n")
    with pytest.raises(DeliveryError, match=r"line 2: 2 rows of fx_rates .* no full file of these"):
        ingest_table(desk.runner, desk.deliveries, table, desk.day)
    path = desk.deliver("fx_rates.csv", RATES)
    ingest_table(desk.runner, desk.deliveries, table, desk.day)
    path.unlink()
    assert ingest_table(desk.runner, desk.deliveries, table, desk.day) == ()
    desk.deliver("control_totals.csv", "table,rows,sum_column,sum,source\nfx_rates,0,,,rates\n")
    with pytest.raises(
        DeliveryError, match="line 2: fx_rates has no source rates; name one of fx_"
    ):
        ingest_table(desk.runner, desk.deliveries, table, desk.day)


def test_a_control_total_that_comes_later_is_held_against_what_was_taken(desk: Desk) -> None:
    """Its file is the one in force, rejected lines included; a delta on top is none of it."""

    def counted(lines: str, head: str = "table,rows,sum_column,sum") -> tuple[Result, str]:
        desk.deliver("control_totals.csv", f"{head}\n{lines}\n")
        return look()

    def look() -> tuple[Result, str]:
        runner = desk.runner
        positions = runner.positions(desk.day)
        now = Examination(positions, runner.reader, runner.register, deliveries=desk.deliveries)
        check = delivery_checks(desk.table("fx_rates"))[0]
        return check.examine(now, 0), now.evidence(check)

    taken(desk, RATES + "JPY,x\n")
    taken(desk, "_operation,currency,rate\nupsert,SEK,0.1\ndelete,USD,\n", "fx_rates.delta-1.csv")
    before = rates(desk)
    passed, alone = look()
    assert passed.passed
    for line, problem in (
        ("fx_rates,3,,", ""),
        ("fx_rates,3,rate,1.90", ""),
        ("fx_rates,3,rate,1.9\ndeals,5,,", ""),
        ("fx_rates,2,,", r"line 2: 2 rows were sent, 3 arrived in fx_rates\.csv\. What was taken"),
        (
            "fx_rates,3,,\nfx_rates,3,rate,1.8",
            r"line 3: rate adds up to 1\.8, but to 1\.90000000 in",
        ),
        ("fx_rates,many,,", "line 2: rows is 'many'; write a whole number"),
    ):
        result, evidence = counted(line)
        assert result.passed == (not problem), result.said
        assert re.search(problem, result.said)
        assert evidence != alone, "a check that has passed is asked again"
    result, _ = counted("fx_rates,3,,,rates", "table,rows,sum_column,sum,source")
    assert "line 2: fx_rates has no source rates" in result.said
    assert rates(desk) == before
    (desk.here / "control_totals.csv").unlink()
    assert look() == (passed, alone)


def test_what_a_file_agreed_with_when_it_was_taken_is_not_compared_again(desk: Desk) -> None:
    with_totals(desk, "fx_rates,3,,\nfx_rates,3,rate,1.900")
    (full,) = desk.runner.register.deliveries("fx_rates", desk.day)
    assert full.agreed == "3 rows\n3 rows, rate 1.9"
    for line, late in (("fx_rates,3,rate,1.9", 0), ("fx_rates,3,rate,2", 1), ("fx_rates,2,,", 1)):
        desk.deliver("control_totals.csv", f"table,rows,sum_column,sum\n{line}\n")
        totals = control_totals(desk.deliveries, desk.day, SOURCES)
        assert len(list(not_compared(totals, {"fx_rates": full}))) == late


@pytest.mark.parametrize("content", [b"", b"table,rows\n", b"\xff\xfe", b'table,"rows\n'])
def test_control_totals_that_cannot_be_read_are_refused(desk: Desk, content: bytes) -> None:
    desk.deliver("control_totals.csv", content)
    with pytest.raises(DeliveryError, match=re.escape("control_totals.csv")):
        control_totals(desk.deliveries, desk.day, SOURCES)


def test_a_failed_delivery_leaves_no_raw_lines(desk: Desk) -> None:
    desk.deliver("fx_rates.csv", RATES + '"')
    (file,) = find_files(desk.deliveries, desk.day, SOURCES, ())
    raw = desk.folder / "raw of one test"
    with pytest.raises(DeliveryError):
        stage(file, raw)
    assert list(raw.rglob("*.parquet")) == []
