"""What every Mailferry process shares: vocabulary, contract, ports, and the adapters behind them."""
