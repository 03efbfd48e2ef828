"""From measured costs to what a fleet needs: brokers, partitions, workers, ClickHouse servers, disks and network."""
