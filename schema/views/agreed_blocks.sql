-- Proposed blocks, with the commit that stores each: of those with one begin, the first that was inserted counts.
CREATE OR REPLACE VIEW agreed_blocks AS
SELECT log, topic, kafka_partition, offset_from, offset_to, commit_id, worker, cut_at
FROM block_cuts;
