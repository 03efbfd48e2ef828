-- Data that was old when it was sent, such as a recording that is played again, is expected to go on by nobody.

ALTER TABLE chip_series ADD COLUMN IF NOT EXISTS live_seen SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
    DEFAULT last_seen COMMENT 'end of its newest sample that the broker had within an hour' CODEC(ZSTD(1));

