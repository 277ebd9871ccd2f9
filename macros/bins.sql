{% macro bin_widths() -%}
    {#-
    About twenty bins at most, as wide as 1, 2 or 5 times a power of ten, and no
    narrower than 1 where every value is whole.
    -#}
    select
        feature,
        case
            when is_whole and width < 1 then 1
            else width
        end as bin_width

    from (
        select
            feature,
            is_whole,
            case
                when step = 0 then 1
                when step <= magnitude then magnitude
                when step <= 2 * magnitude then 2 * magnitude
                when step <= 5 * magnitude then 5 * magnitude
                else 10 * magnitude
            end as width

        from (
            select
                feature,
                is_whole,
                (maximum - minimum) / 20 as step,
                case
                    when maximum > minimum
                        then power(
                            10, floor(log10((maximum - minimum) / 20))
                        )
                    else 1
                end as magnitude

            from {{ ref('fct_feature_summary') }}
        ) as steps
    ) as widths
{%- endmacro %}
