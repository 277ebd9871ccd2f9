{{ duplicates(
    checked_columns(customer_features()), ref('stg_mall__customers')
) }}
