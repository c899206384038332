"""A recurrent model of sequences by themselves: tokens or numbers in; a class or number for each, or for each step.

Shapes: N sequences, T steps, D features, E size of a token's vector, O outputs (classes, keys, or one number).
"""

from __future__ import annotations

from torch import Tensor, nn

from seqexp.config.schema.model import GRU, LSTM, RNN
from seqexp.config.schema.task import Embedding
from seqexp.data.batch import SequenceBatch
from seqexp.data.spec import ExampleSpec, Tokens, Vectors
from seqexp.models.embedding import TokenEmbedding
from seqexp.models.recurrent import RecurrentStack


class SequenceModel(nn.Module):
    """Embedding, stack, and a linear map of what is read of the stack.

    Args:
        config: The stack and its options.
        embedding: How tokens become vectors; None where the inputs are numbers.
        spec: The shapes of the problem.
    """

    def __init__(self, config: LSTM | GRU | RNN, embedding: Embedding | None, spec: ExampleSpec) -> None:
        super().__init__()
        self.spec = spec
        self.embedding: TokenEmbedding | None = None
        match spec.inputs:
            case Tokens(vocabulary):
                assert embedding is not None
                self.embedding = TokenEmbedding(embedding, vocabulary)
                width = embedding.size
                if config.readout == "auto":  # the word that decides may stand anywhere
                    config = config.model_copy(update={"readout": "max"})
            case Vectors(features):
                width = features
        self.stack = RecurrentStack(config, width)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(self.stack.width, spec.outputs)

    def forward(self, batch: SequenceBatch) -> Tensor:
        """Scores of each sequence (N, O), or of each of its steps (N, T, O); those of padded steps mean nothing."""
        x = batch.inputs if self.embedding is None else self.embedding(batch.inputs)
        outputs, _ = self.stack(x, lengths=batch.lengths)
        read = outputs if self.spec.each_step else self.stack.read(outputs, batch.lengths)
        scores: Tensor = self.head(self.dropout(read))
        return scores
