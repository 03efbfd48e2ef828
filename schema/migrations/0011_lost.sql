-- Messages that were never stored: the topic had deleted them, was compacted, or they could not be read. A block spans their
-- offsets, so that the ledger has no gap; one of which all is lost has no messages.
ALTER TABLE ingest_blocks ADD COLUMN IF NOT EXISTS lost UInt64 DEFAULT 0 COMMENT 'messages lost before they were stored';
