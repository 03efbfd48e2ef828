"""The contract (docs/contract.md) in code: samples, topics, chips, tables. Imports nothing else of Gigawatt."""
