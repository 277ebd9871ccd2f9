-- The row number is the engine's own, which a common table expression would hide.
select
    customers.rowid + 1 as source_row,

    customers.*

from {{ ref('Mall_Customers') }} as customers
