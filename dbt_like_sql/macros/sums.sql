{# The sum of numbers with a fraction, the same in whatever order PostgreSQL meets the rows: `sum` of double precision
   rounds at every step, and its last digits differ from plan to plan; that of numeric is exact. #}
{% macro exact_sum(value, where=none) -%}
(sum({{ value }}::numeric){% if where %} filter (where {{ where }}){% endif %})::double precision
{%- endmacro %}
