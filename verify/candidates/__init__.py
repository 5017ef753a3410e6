"""Candidates: the user's functions, found by name and called in their own signature and layout."""

from verify.candidates.answer import Answer, Misbehaviour, error_line
from verify.candidates.batched import answers
from verify.candidates.call import Call
from verify.candidates.candidate import NO_GRADIENT, Candidate, name_of
from verify.candidates.compiled import claims_same_bits, python_of, thread_counts, threads
from verify.candidates.frameworks import adapted, framework_of
from verify.candidates.linear import Linear
from verify.candidates.location import place_of
from verify.candidates.objects import is_layer
from verify.candidates.scores import Scores
from verify.candidates.signature import extras
from verify.candidates.target import attribute, resolve
from verify.candidates.upstream import Upstream, changes, keeps, upstream_described, upstream_drawn, upstream_is_kept
from verify.candidates.way import Labelled, Way

__all__ = [
    "NO_GRADIENT",
    "Answer",
    "Call",
    "Candidate",
    "Labelled",
    "Linear",
    "Misbehaviour",
    "Scores",
    "Upstream",
    "Way",
    "adapted",
    "answers",
    "attribute",
    "changes",
    "claims_same_bits",
    "error_line",
    "extras",
    "framework_of",
    "is_layer",
    "keeps",
    "name_of",
    "place_of",
    "python_of",
    "resolve",
    "thread_counts",
    "threads",
    "upstream_described",
    "upstream_drawn",
    "upstream_is_kept",
]
