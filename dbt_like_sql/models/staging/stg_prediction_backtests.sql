select
    id as prediction_backtest_id,
    profile_id,
    sport,
    target,
    as_of,
    model,
    predicted,
    predicted_low,
    predicted_high,
    naive,
    riegel,
    actual,
    actual_activity_id,
    near_maximal
from {{ source('warehouse', 'prediction_backtests') }}
