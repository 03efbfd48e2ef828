-- What was expected and budgeted then, and which chips are expected to state their power.

-- A second die or a virtual GPU reports and has no power of its own: nothing is missing where it states none. The worker
-- knows the models of which every chip states it; of others, those chips are expected to that ever did.
ALTER TABLE chip_series ADD COLUMN IF NOT EXISTS power_expected SimpleAggregateFunction(max, UInt8) DEFAULT 1 COMMENT '1 where the chip is expected to state its power' CODEC(ZSTD(1)) AFTER host_key;

-- A load of the fleet file holds until the next one, and `since` is when its rows begin to count. The first of a fleet also
-- holds for the time before, unless the fleet was reported by then: such samples were read again later. A fleet that a
-- later file does not name any more has a row there that is not planned.
ALTER TABLE budget_loads ADD COLUMN IF NOT EXISTS since DateTime('UTC') DEFAULT toDateTime(loaded_at) AFTER limits;
ALTER TABLE budget_loads ADD COLUMN IF NOT EXISTS planned Bool DEFAULT true AFTER since;
ALTER TABLE budget_loads UPDATE since = toDateTime(0, 'UTC')
WHERE (site, fleet, platform, loaded_at) IN (SELECT site, fleet, platform, min(loaded_at) FROM budget_loads GROUP BY site, fleet, platform)
SETTINGS mutations_sync = 1;
INSERT INTO budget_loads (loaded_at, site, fleet, platform, planned)
SELECT DISTINCT (SELECT max(loaded_at) FROM budget_loads), site, fleet, platform, false
FROM budget_loads
WHERE (site, fleet, platform) NOT IN
    (SELECT site, fleet, platform FROM budget_loads WHERE loaded_at = (SELECT max(loaded_at) FROM budget_loads));

