{# Rows for which the expression is false. #}
{% test expression(model, expression) %}
select * from {{ model }} where not ({{ expression }})
{% endtest %}
