-- Additive sums for one minute and group: sum them up, over whatever is asked for. The contract says what each is.
CREATE OR REPLACE VIEW power_by_minute AS
SELECT * FROM gigawatt.additive_sums(resolution_s = 60);
