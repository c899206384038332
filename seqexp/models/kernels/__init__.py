"""Recurrences as one call: LSTM, GRU and RNN compiled for the processor at hand."""
