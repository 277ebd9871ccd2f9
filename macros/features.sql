{#- What the settings say of columns and segmentations, as lists to loop over. -#}

{% macro listed(name) %}
    {#-
    A setting that is a list. dbt renders models once to learn what they refer to,
    before anything can check the settings, and nothing refers to what is looped over.
    -#}
    {{ return(var(name) if execute else []) }}
{% endmacro %}

{% macro all_features() %}
    {#- Every column besides the id: the gender, where there is one, and the features. -#}
    {%- if not execute -%}{{ return([]) }}{%- endif -%}
    {%- set features = [] -%}
    {%- set gender = var('gender') if has_customers() else none -%}
    {%- if gender -%}
        {%- do features.append({
            'name': 'gender', 'type': 'category', 'aliases': gender.aliases,
            'levels': {'female': gender.female, 'male': gender.male},
        }) -%}
    {%- endif -%}
    {%- do features.extend(build_features()) -%}
    {{ return(features) }}
{% endmacro %}

{% macro number_features() %}
    {{ return(all_features() | rejectattr('type', 'equalto', 'category') | list) }}
{% endmacro %}

{% macro category_features() %}
    {{ return(all_features() | selectattr('type', 'equalto', 'category') | list) }}
{% endmacro %}

{% macro banded_features() %}
    {{ return(number_features() | selectattr('bands', 'defined')
        | selectattr('bands') | list) }}
{% endmacro %}

{% macro band(feature, value) -%}
    {#- Between which limits a value lies, as text: `under 18`, `18-24`, `65 and over`. -#}
    {%- set starts = feature.bands.starts -%}
    case
        when {{ value }} is null then 'unknown'
        when {{ value }} < {{ starts[0] }} then 'under {{ starts[0] }}'
        {%- for start in starts[1:] %}
        when {{ value }} < {{ start }}
            then '{{ starts[loop.index0] }}-{{ start - 1 }}'
        {%- endfor %}
        else '{{ starts[-1] }} and over'
    end
{%- endmacro %}

{% macro demographics() %}
    {#- Names and SQL of what customers are counted by: categories and bands. -#}
    {%- set known = {} -%}
    {%- for feature in category_features() -%}
        {%- do known.update({feature.name: 'customers.' ~ feature.name}) -%}
    {%- endfor -%}
    {%- for feature in banded_features() -%}
        {%- do known.update({
            feature.bands.name: band(feature, 'customers.' ~ feature.name)
        }) -%}
    {%- endfor -%}
    {%- set found = [] -%}
    {%- for name in listed('demographics') if name in known -%}
        {%- do found.append({'name': name, 'sql': known[name]}) -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}

{% macro segmentations() %}
    {#- The layout of each segmentation, as sql/assignment.sql describes it. -#}
    {%- if not execute -%}{{ return([]) }}{%- endif -%}
    {%- set features = {} -%}
    {%- for feature in all_features() -%}
        {%- do features.update({feature.name: feature}) -%}
    {%- endfor -%}
    {%- set layouts = [] -%}
    {%- for segmentation in build_segmentations() -%}
        {%- set layout = {
            'name': segmentation.name,
            'n_slots': (segmentation.max_segments or 10)
                if (segmentation.n_segments or 'auto') == 'auto'
                else segmentation.n_segments,
            'features': [],
        } -%}
        {%- set first = namespace(number=1) -%}
        {%- for name in segmentation.features -%}
            {%- set feature = features[name] -%}
            {%- set n_levels = feature.levels | length + 1 if feature.levels else 12 -%}
            {%- set is_category = feature.type == 'category' -%}
            {%- do layout.features.append({
                'name': name,
                'type': 'category' if is_category else 'number',
                'transform': feature.transform or 'none',
                'is_clipped': feature.clip and true,
                'first': first.number,
                'n_coordinates': n_levels if is_category else 1,
            }) -%}
            {%- set first.number = first.number + (n_levels if is_category else 1) -%}
        {%- endfor -%}
        {%- do layout.update({'n_coordinates': first.number - 1}) -%}
        {%- do layouts.append(layout) -%}
    {%- endfor -%}
    {{ return(layouts) }}
{% endmacro %}

{% macro most_coordinates() %}
    {{ return(segmentations() | map(attribute='n_coordinates') | max
        if execute else 1) }}
{% endmacro %}

{% macro settings() %}
    {#-
    Every setting as the package reads it: as YAML, which has a way to write whatever
    --vars may hold, dates included.
    -#}
    {%- set settings = {} -%}
    {%- for name in [
        'customers_path', 'customers_model', 'orders_path', 'orders_model',
        'customer_id', 'gender', 'features', 'segmentations', 'demographics',
        'numbers', 'encoding', 'sheet', 'missing_values', 'max_rejected_share',
        'min_segment_share', 'no_segments', 'other_customers', 'export_rows_limit',
        'keep_generations', 'orders', 'orders_features', 'orders_segmentations',
    ] -%}
        {%- do settings.update({name: var(name)}) -%}
    {%- endfor -%}
    {{ return(toyaml(settings)) }}
{% endmacro %}
