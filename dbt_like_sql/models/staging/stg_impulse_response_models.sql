select
    profile_id,
    sport,
    test,
    as_of,
    p0,
    k1,
    k2,
    tau1_days,
    tau2_days,
    tests,
    r_squared,
    leave_one_out_rmse,
    naive_rmse,
    refusal
from {{ source('warehouse', 'impulse_response_models') }}
