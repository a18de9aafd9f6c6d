{# The first local day that belongs to a span of bests; none for all time. #}
{% macro first_day(span) -%}
{%- if span == '42 days' -%} ({{ today() }} - 41)
{%- elif span == '90 days' -%} ({{ today() }} - 89)
{%- elif span == 'season' -%} date_trunc('year', now() at time zone 'UTC')::date
{%- endif -%}
{%- endmacro %}

{# Efforts of a span. The bounds on the moments let an index do the work, whether efforts or activities are looked for
   first; the local day decides. #}
{% macro in_span(effort, span) -%}
{%- if span == 'all time' -%} true
{%- else -%} {{ effort }}.local_date >= {{ first_day(span) }} and {{ effort }}.recorded_at >= {{ first_day(span) }} - interval '2 days' and {{ effort }}.started_at >= {{ first_day(span) }} - interval '2 days'
{%- endif -%}
{%- endmacro %}
