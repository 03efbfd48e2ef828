-- The strongest oscillation of each fleet's power, by a Fourier transform. Trained together, chips compute together and wait
-- together, and a fleet's power swings with the step of its jobs. What is looked at are 128 whole seconds that end ten
-- seconds before the instant: detrended, under a Hann window, from 4/128 Hz (four periods are then seen) to 63/128 Hz.
--
-- A fleet is left out unless all 128 seconds are complete, as many chips report throughout, and its samples are a second
-- long. A mean over a second hides what is faster than 0.5 Hz, and shows less of what comes near to it: 64 % of the size at
-- 0.49 Hz, 90 % at 0.25 Hz. Between two of the frequencies up to 15 % of the size are lost. A step or a dip has all
-- frequencies: `share` says how much of the variance the frequency and its two neighbours have, and is below 0.45 for
-- these. From 0.5 on power oscillates (`steady`), and `size_of_limit` holds its size, from trough to peak, against the limit.
CREATE OR REPLACE VIEW oscillations_at AS
SELECT
    site, fleet, platform, concat(site, ' / ', fleet, ' / ', platform) AS fleet_path, budget_w, limits,
    toNullable((3 + indexOf(arraySlice(amplitudes, 4, 60) AS heard, arrayMax(heard)) AS bin) / 128) AS frequency_hz,
    toNullable(4 / 128 * amplitudes[bin]) AS size_w,
    toNullable(arraySum(a -> a * a, arraySlice(amplitudes, bin - 1, 3)) / greatest(arraySum(a -> a * a, amplitudes), 1e-9))
        AS share,
    share >= 0.5 AS steady,
    if(steady, size_w / nullIf(budget_w * greatest(limits['oscillation_share'], 1e-6), 0), NULL) AS size_of_limit
FROM
(
    SELECT
        site, fleet, platform, limits, budget_w,
        arrayMap(
            k -> hypot(
                arraySum(arrayMap((i, w) -> w * cos(2 * pi() * k * i / 128), at, signal)),
                arraySum(arrayMap((i, w) -> w * sin(2 * pi() * k * i / 128), at, signal))),
            range(1, 64)) AS amplitudes
    FROM
    (
        SELECT
            site, fleet, platform, argMax(last_limits, second) AS limits, argMax(last_budget_w, second).1 AS budget_w,
            groupArray((second, power_w)) AS points,
            simpleLinearRegression(second, power_w) AS trend,
            arrayMap(point -> point.1, points) AS at,
            arrayMap(point -> 1 - cos(2 * pi() * point.1 / 128), points) AS hann,
            arrayMap((point, weight) -> (point.2 - trend.1 * point.1 - trend.2) * weight, points, hann) AS signal
        FROM
        (
            SELECT
                site, fleet, platform, coverage, power_w, interval_s, windows.limits AS last_limits,
                tuple(windows.budget_w) AS last_budget_w, toFloat64(time - ({at:DateTime('UTC')} - 138)) AS second
            FROM gigawatt.complete_windows_between(
                since = {at:DateTime('UTC')} - 138, until = {at:DateTime('UTC')} - 11, length_s = 1) AS windows
        )
        GROUP BY site, fleet, platform
        HAVING count() = 128 AND max(interval_s) <= 1.5 AND max(coverage) - min(coverage) <= 0.02
    )
);
