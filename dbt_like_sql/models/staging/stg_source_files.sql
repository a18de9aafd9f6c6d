select
    id as source_file_id,
    profile_id,
    sha256,
    bytes,
    format,
    kind,
    status,
    reason,
    archive_path,
    month,
    starts_at,
    received_at
from {{ source('warehouse', 'source_files') }}
