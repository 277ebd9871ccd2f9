-- The published value where it agrees with the recomputed one, else the latter: two
-- columns that are equal unless something is wrong, whatever the order of additions.
create macro memory.main.agreed(published, recomputed, tolerance := 1e-9) as
    case
        when
            isfinite(cast(published as double))
            and abs(published - recomputed)
                <= tolerance * greatest(1, abs(recomputed))
            then cast(published as double)
        else cast(recomputed as double)
    end;

-- The count where it lies within bounds, else the bound it passes.
create macro memory.main.bounded(n, least, most) as
    least(greatest(n, least), most);
