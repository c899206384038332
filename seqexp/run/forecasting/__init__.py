"""Forecasting: windows of time series, classical forecasters beside the network."""

from seqexp.run.forecasting.describe import describe, render
from seqexp.run.forecasting.new_data import predict
from seqexp.run.forecasting.problem import build_problem, new_model

__all__ = ["build_problem", "describe", "new_model", "predict", "render"]
