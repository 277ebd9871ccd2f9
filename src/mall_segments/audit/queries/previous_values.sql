{#- The observed values of each feature in the previous generation. -#}
{% for feature in settings.features if feature.name in common %}
{% set name = feature.name %}
{% set value = "round(" ~ name ~ " / " ~ feature.resolution ~ ") * "
    ~ feature.resolution %}
select
    {{ name | quoted }} as feature,
    {{ value }} as value,
    count(*) as n_customers

from previous.main.dim_customers

where not is_{{ name }}_imputed

group by {{ value }}

union all

{% endfor %}
select
    '' as feature,
    cast(0 as double) as value,
    cast(0 as bigint) as n_customers

where false
