"""What a text is, in the words of an experiment: tokens, characters, vocabulary, where it begins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqexp.config.schema import Experiment
from seqexp.data.sources import language
from seqexp.data.split import SPLITS
from seqexp.run.language.problem import parts

_SHOWN_TOKENS = 60
_SHOWN_KINDS = 20


def describe(experiment: Experiment) -> dict[str, Any]:
    """Everything about the text, as plain values.

    Raises:
        DataError: If it is not as it must be.
        ConfigError: If something asked for is not possible.
    """
    config = parts(experiment)[0]
    data = language.load(config)
    corpus, vocabulary = data.corpus, data.corpus.vocabulary
    splits = {
        name: {
            "tokens": len(tokens := corpus.splits[name]),
            "characters": tokens.characters,
            "unknown": tokens.unknown,
        }
        for name in SPLITS
    }
    return {
        "data": experiment.data.name,
        "task": experiment.task.name,
        "files": data.files,
        "tokenizer": config.tokenizer.kind,
        "vocabulary": vocabulary.size,
        "commonest": [vocabulary.token(i) for i in range(2, min(vocabulary.size, _SHOWN_KINDS + 2))],
        "splits": splits,
        "bptt": config.bptt,
        "notes": list(data.notes),
        "fingerprint": corpus.fingerprint,
        "begins": vocabulary.decode(corpus.splits["train"][:_SHOWN_TOKENS].tolist()),
    }


def render(description: Mapping[str, Any]) -> str:
    """The description as lines for a person."""
    d = description
    lines = [f"data         {d['data']}, for {d['task'].replace('_', ' ')}"]
    for split, names in d["files"].items():
        more = f", ... ({len(names)} in all)" if len(names) > 3 else ""
        lines.append(f"{'files' if split == 'train' else f'{split} files':<12} {', '.join(names[:3])}{more}")
    lines.append(f"vocabulary   {d['vocabulary']:,} tokens ({d['tokenizer']}): {' '.join(map(repr, d['commonest']))}")
    for name, split in d["splits"].items():
        unknown = f", {split['unknown'] / split['tokens']:.2%} unknown" if split["unknown"] else ""
        lines.append(f"{name:<12} {split['tokens']:,} tokens of {split['characters']:,} characters{unknown}")
    lines.append(f"bptt         {d['bptt']} steps")
    lines += [f"note         {note}" for note in d["notes"]]
    lines.append(f"fingerprint  {d['fingerprint'][:16]}")
    return "\n".join([*lines, "", d["begins"]])
