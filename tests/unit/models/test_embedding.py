from __future__ import annotations

import pytest
import torch
from support.sections import embedding

from seqexp.models.embedding import TokenEmbedding, locked_dropout


def made(vocabulary: int = 50, **changes: object) -> TokenEmbedding:
    torch.manual_seed(0)
    return TokenEmbedding(embedding(**{"size": 4} | changes), vocabulary)


def test_a_vector_is_the_row_of_its_token() -> None:
    layer = made()
    tokens = torch.tensor([[3, 7, 3], [0, 1, 49]])
    assert torch.equal(layer(tokens), layer.weight[tokens])
    assert layer(tokens).shape == (2, 3, 4)


def test_vectors_begin_uniform_in_a_tenth() -> None:
    # uniform in +-0.1 has a standard deviation of 0.1 / sqrt(3)
    weight = made(20_000).weight
    assert weight.abs().max() <= 0.1
    assert weight.std().item() == pytest.approx(0.1 / 3**0.5, rel=0.01)
    assert weight.requires_grad


@pytest.mark.parametrize("freeze", [True, False])
def test_vectors_from_a_file_are_left_alone_if_asked(*, freeze: bool) -> None:
    layer, vectors = made(3, vectors="v.txt", freeze=freeze), torch.arange(12.0).view(3, 4)
    layer.load(vectors)
    assert torch.equal(layer(torch.tensor([[2]]))[0, 0], vectors[2])
    assert layer.weight.requires_grad is not freeze
    vectors.zero_()
    assert layer.weight[2].sum() == 8 + 9 + 10 + 11


def test_a_resumed_run_leaves_them_alone_too() -> None:
    """Its weights come from the checkpoint, not from the file."""
    assert not made(vectors="v.txt", freeze=True).weight.requires_grad
    assert made(freeze=True).weight.requires_grad  # there is no file whose vectors are to stay


class TestWordDropout:
    def test_leaves_out_whole_words_wherever_they_stand_and_enlarges_the_others(self) -> None:
        layer = made(2_000, dropout=0.25).train()
        tokens = torch.arange(2_000).view(20, 100)
        twice = torch.cat((tokens, tokens.flip(0)))  # each word in two sequences
        vectors = layer(twice)
        ratio = vectors / layer.weight[twice]
        kept = ratio[..., 0] != 0
        # all numbers of a word or none, by the same factor 1 / (1 - 0.25); the same words in both places
        torch.testing.assert_close(ratio, kept[..., None].float().expand_as(ratio) * 4 / 3)
        assert torch.equal(kept[:20], kept[20:].flip(0))
        assert kept[:20].float().mean().item() == pytest.approx(0.75, abs=4 * (0.75 * 0.25 / 2_000) ** 0.5)

    def test_draws_anew_for_each_batch(self) -> None:
        layer, tokens = made(500, dropout=0.5).train(), torch.arange(500)[None]
        assert not torch.equal(layer(tokens), layer(tokens))

    def test_is_part_of_training_alone(self) -> None:
        layer, tokens = made(dropout=0.5, locked_dropout=0.5).eval(), torch.arange(50)[None]
        assert torch.equal(layer(tokens), layer.weight[tokens])


class TestLockedDropout:
    def test_has_one_mask_for_all_steps_of_a_sequence_and_another_for_the_next(self) -> None:
        torch.manual_seed(0)
        ratio = locked_dropout(torch.ones(40, 7, 50), 0.2)
        assert torch.equal(ratio, ratio[:, :1].expand_as(ratio))
        assert set(ratio.unique().tolist()) == {0.0, 1.25}
        assert not torch.equal(ratio[0], ratio[1])
        assert (ratio[:, 0] > 0).float().mean().item() == pytest.approx(0.8, abs=4 * (0.8 * 0.2 / 2_000) ** 0.5)

    def test_of_nothing_is_nothing_and_draws_nothing(self) -> None:
        x, before = torch.ones(2, 3, 4), torch.random.get_rng_state()
        assert locked_dropout(x, 0.0) is x
        assert torch.equal(torch.random.get_rng_state(), before)

    def test_is_that_of_the_embedding_in_training(self) -> None:
        layer, tokens = made(locked_dropout=0.5).train(), torch.tensor([[5] * 6])
        vectors = layer(tokens)
        assert torch.equal(vectors, vectors[:, :1].expand_as(vectors))
        torch.manual_seed(3)
        said = layer(tokens)
        torch.manual_seed(3)
        assert torch.equal(said, locked_dropout(layer.weight[tokens], 0.5))
