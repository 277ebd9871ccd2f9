{#- What was counted of the input, beside what the tables and the manifest say. -#}
with

complete as (

    select
        segmentation as subject,
        cast(sum(n_fitted) as bigint) as n_complete,
        count(*) as n_points

    from memory.main.fitted_points

    group by segmentation

)

select
    published.*,
    case published.measure
        when 'input rows' then {{ input_rows }}
        when 'accepted customers'
            then (select count(*) from audited.main.dim_customers)
        when 'rejected rows'
            then (select count(*) from audited.main.fct_rejected_customers)
        when 'rows without a customer'
            then (
                select count(*) from audited.main.fct_rejected_customers
                where
                    customer_id is null
                    and gender_text is null
                    and {% for feature in features %}
                    case when {{ feature }}_text is null then 0 else 1 end
                    {{- " + " if not loop.last }}
                    {%- endfor %} <= 1
            )
        when 'imputed customers'
            then (
                select count(*) from audited.main.dim_customers where is_imputed
            )
        when 'distinct values'
            then (
                select max(n_distinct) from audited.main.fct_feature_summary
                where feature = published.subject
            )
        when 'complete customers' then complete.n_complete
        when 'distinct points' then complete.n_points
    end as n_found

from audited.main.fct_input_counts as published

left join complete using (subject)
