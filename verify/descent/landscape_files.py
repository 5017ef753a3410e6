"""`verify landscape`: compute the slices, draw them, write JSON, SVG and PNG."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from verify.descent import three_examples
from verify.descent.landscape import describe, line, plane, view_of
from verify.descent.options import print_files, problem_of, seed_of
from verify.descent.scenery import line_picture, plane_picture, terms_picture
from verify.documents import as_json
from verify.figures.canvas import Picture
from verify.report.progress import progress
from verify.storage import save, writable
from verify.streams import print_json

SCHEMA = "verify-landscape/1"
PICTURES = {"line": line_picture, "plane": plane_picture, "terms": terms_picture}


def draw(
    folder: Path, *, at: str, reach: float, only: str | None, seed: int | None, quiet: bool, **options: Any
) -> tuple[dict[str, Any], list[Path]]:
    """The document of the requested slices, and its files."""
    writable(folder)
    seed = seed_of(seed)
    view = view_of(problem_of(**options), at=at, reach=reach, seed=seed)
    document: dict[str, Any] = {"schema": SCHEMA, **describe(view, at, seed)}
    with progress("landscape", quiet=quiet) as on_part:
        if only in (None, "line"):
            document["line"] = line(view, on_part=on_part)
        if only in (None, "plane"):
            document["plane"] = plane(view)
        if only in (None, "terms"):
            document["terms"] = three_examples.document()
    files = [save(folder / "landscape.json", as_json(document, indent=None))]
    for kind, picture in pictures(document).items():
        files += [save(folder / f"{kind}.svg", picture.file), save(folder / f"{kind}.png", picture.png)]
    return document, files


def pictures(document: Mapping[str, Any]) -> dict[str, Picture]:
    """A picture of each slice that the document has."""
    return {kind: draw_one(document[kind]) for kind, draw_one in PICTURES.items() if kind in document}


def print_document(document: Mapping[str, Any], files: list[Path], format_: str) -> None:
    """Prints the document, or a summary in a few lines."""
    if format_ == "json":
        print_json(document, indent=None)
    else:
        for sentence in sentences(document):
            click.echo(sentence)
    print_files(*files)


def sentences(document: Mapping[str, Any]) -> list[str]:
    """The results in one line each."""
    said = [f"{document['loss']} on {document['training_examples']} example(s) of {document['data']}, |a| ≤ {document['reach']:g}"]
    if "line" in document:
        found = document["line"]
        kinks = [k["a"] for e in found["examples"] for k in e["kinks"]]
        least = min(found["average"])
        told = f"from a = {min(kinks):.6g} to {max(kinks):.6g}" if kinks else "the loss is smooth"
        said.append(
            f"line: {len(kinks)} kinks, {told}; the average is least, {least:.6g}, near a = {found['a'][found['average'].index(least)]:g}"
        )
    if "plane" in document:
        said.append(f"plane: {len(document['plane']['kink_lines'])} lines of kinks in the first example")
    if "terms" in document:
        said.append(f"terms: L = {document['terms']['loss']:.6g} at w = {document['terms']['w']}, x = {document['terms']['x']}")
    return said
