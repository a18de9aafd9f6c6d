select
    source_file_id,
    profile_id,
    checked_at,
    problem
from {{ source('warehouse', 'archive_checks') }}
