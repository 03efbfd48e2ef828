"""The contract in code: samples, topics, chips, tables. Imports nothing of ours."""
