-- Dead letters that could not be written, and were not written later.
CREATE OR REPLACE VIEW dead_letters_lost AS
SELECT noted_at, kafka_partition, kafka_offset, reason, rows, why, log
FROM dead_letter_failures FINAL
WHERE written = 0;
