"""From a chip to Kafka: sources, the fixed-rate sampler, the publisher."""
