{# The day that counts as today: UTC's, as in the pipeline. An athlete east of it may be a day ahead. #}
{% macro today() -%}
(now() at time zone 'UTC')::date
{%- endmacro %}

{# Whether an activity's clock can be believed: from 1990, when no one had such a device, to today. #}
{% macro is_dated(activity) -%}
({{ activity }}.started_at >= '1990-01-01 00:00:00+00' and {{ activity }}.started_at < ({{ today() }} + 1)::timestamp at time zone 'UTC')
{%- endmacro %}

{# The local day as far as the file's own offset tells; beyond 15 hours it is that of a wrong clock. #}
{% macro local_date(activity) -%}
((({{ activity }}.started_at at time zone 'UTC') + make_interval(secs => case when abs({{ activity }}.utc_offset_seconds) <= 54000 then {{ activity }}.utc_offset_seconds else 0 end))::date)
{%- endmacro %}
