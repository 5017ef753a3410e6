"""Proofs as text: one line each, and the assumptions."""

from __future__ import annotations

from verify.report.reading import Document, visible


def proofs(document: Document) -> list[str]:
    """All proofs of a document; empty if there are none."""
    found = []
    for p in document.get("proofs", ()):
        found.append(f"{visible(p['candidate'])}: {visible(p['told'])}")
        found += [f"  claim: {visible(p['claim'])}"] if p.get("claim") else []
        found += [f"  {visible(p['sizes']['told'])}"] if p.get("sizes") else []
        found += [f"  assumed: {visible(line)}" for line in p["assumed"]]
    return found
