"""What all tables of the page share: a caption, headers that sort, a wrapper that scrolls, and where it comes from."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.findings import Findings
from benchmarks.report.markup import Markup, join, tag
from benchmarks.report.wording import EN_DASH


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A column's header."""

    title: str
    about: str = ""
    """What it means, for a pointer that rests on it."""
    numeric: bool = True
    sortable: bool = True


def cell(content: str, *, value: float | None = None, numeric: bool = True) -> Markup:
    """Return a cell; `value` is what it is sorted by, where that is not its text."""
    return tag("td", content, class_="number" if numeric else None, data_value=None if value is None else repr(value))


def table(caption: str, columns: Sequence[Column], rows: Sequence[Markup], *, foot: Sequence[Markup] = ()) -> Markup:
    """Return a table that scrolls sideways where it is too wide.

    Args:
        caption: Says what is in it.
        columns: Their headers; the first column holds the headers of the rows.
        rows: `tr` elements.
        foot: Rows that are never sorted.
    """
    return tag(
        "div",
        tag(
            "table",
            tag("caption", caption),
            tag("thead", tag("tr", *(_header(column) for column in columns))),
            tag("tbody", *rows),
            tag("tfoot", *foot) if foot else Markup(),
            class_="sortable" if any(column.sortable for column in columns) else None,
        ),
        class_="scroll",
        tabindex="0",
        role="region",
        aria_label=caption,
    )


def _header(column: Column) -> Markup:
    title = tag("button", column.title, type="button") if column.sortable else join(column.title)
    kind = "number" if column.numeric else None
    return tag("th", title, scope="col", class_=kind, title=column.about or None)


def source_line(findings: Findings) -> Markup:
    """Return where figures come from: command, commit, seeds, hardware, versions."""
    source = findings.source
    seeds = sorted({run.seed for runs in findings.runs.values() for run in runs})
    shown = str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]}{EN_DASH}{seeds[-1]}"
    return tag(
        "p",
        tag("code", source.command),
        f" · commit {source.commit[:10] or 'unknown'}{'+changes' if source.commit.endswith('+changes') else ''}"
        f" · seeds {shown} · {source.cores} cores, {source.processor} · Python {source.python}",
        class_="source",
    )
