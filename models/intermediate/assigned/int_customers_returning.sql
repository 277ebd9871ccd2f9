{#-
Which share of the last generation's customers are among these, by a hundredth of them
where there are many: by the hash of the id, so that the same ones are asked for.
-#}
with

previous_customers as (

    select distinct customer_id from {{ ref('int_customer_segments_published') }}

),

counted as (

    select count(*) as n_previous from previous_customers

),

asked as (

    select previous_customers.customer_id

    from previous_customers

    cross join counted

    where
        counted.n_previous < 100000
        or {{ hash_bucket('previous_customers.customer_id', 100) }} = 0

),

found as (

    select distinct customers.customer_id

    from {{ ref('int_customers_accepted') }} as customers

    inner join asked
        on customers.customer_id = asked.customer_id

)

select
    coalesce(
        cast((select count(*) from found) as double)
        / nullif((select count(*) from asked), 0),
        1
    ) as share,
    (select n_previous from counted) as n_previous
